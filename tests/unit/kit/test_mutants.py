"""The mutants fit the files they break, and the check tells a caught one from one that lives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.mutants import __main__ as check
from tests.mutants.mutants import MUTANTS, DoesNotFit, Mutant, put, swap

LEAST = 15


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_its_file_and_names_tests_that_exist(mutant: Mutant, tmp_path: Path) -> None:
    (tmp_path / mutant.file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(mutant.file, tmp_path / mutant.file)
    mutant.apply(tmp_path)
    assert (tmp_path / mutant.file).read_text() != Path(mutant.file).read_text()
    assert Path(mutant.tests[0]).exists()


def test_there_are_enough_mutants_each_with_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= LEAST


def test_a_change_that_fits_nowhere_or_twice_is_an_error() -> None:
    with pytest.raises(DoesNotFit, match="0 times"):
        put("x", "y")("abc")
    with pytest.raises(DoesNotFit, match="2 times"):
        put("b", "y")("abcb")
    with pytest.raises(DoesNotFit):
        swap("c", "a")("abc")


def test_two_matches_are_swapped() -> None:
    assert swap("<.>", r"\[.\]")("1 <a> 2 [b] 3") == "1 [b] 2 <a> 3"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "became"),
    [
        ("return 3", "caught"),
        ("while True: pass", "caught"),
        ("return 2  # as before", "lives"),
        ("nothing", "does not fit"),
    ],
)
def test_a_mutant_is_caught_when_a_test_fails_and_the_file_is_put_back(
    broken: str, became: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "stamp", lambda root: None)
    (tmp_path / "two.py").write_text("def two():\n    return 2\n")
    (tmp_path / "test_two.py").write_text("from two import two\n\n\ndef test_two():\n    assert two() == 2\n")
    pattern = "return 2" if broken != "nothing" else "return 7"
    mutant = Mutant("two is three", "two.py", put(pattern, broken), ("test_two.py",))
    assert check.check(mutant, tmp_path, tmp_path / "log", limit=20).startswith(became)
    assert (tmp_path / "two.py").read_text() == "def two():\n    return 2\n"
