"""No sentence is copied from a leaflet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.content import copies

KNOWN = copies.known()
FILES = [
    Path("domain.yml"),
    *sorted(file for folder in ("data", "docs", "bot", "actions") for file in Path(folder).rglob("*")),
]
READ = {".yml", ".md", ".py", ".html", ".js"}


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix in READ], ids=str)
def test_no_run_of_eight_words_stands_in_a_leaflet(file: Path) -> None:
    assert copies.copied(file.read_text(encoding="utf-8"), KNOWN) == []


def test_a_copied_run_would_be_seen() -> None:
    text = "One two three four five six seven eight nine."
    digest = dict(copies.runs(text))["one two three four five six seven eight"]
    assert copies.copied(text, frozenset({digest})) == ["one two three four five six seven eight"]
    assert copies.copied("Two one three four five six seven eight nine.", frozenset({digest})) == []


def test_the_runs_of_five_leaflets_are_known() -> None:
    assert len(KNOWN) > 9000
