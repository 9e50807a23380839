"""Training happens when something changed, and only then; what is broken is said in one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.runtime import train

ROOT = Path(__file__).resolve().parents[3]
BROKEN = {
    "data/nlu/fever.yml": "nlu:\n- intent: [unclosed\n",
    "clinic.yml": "name: Demo\nphone: 12345\n",
}
DIET = """recipe: default.v1
language: en
assistant_id: tiny
importers: [{name: bot.importer.CompanionImporter}]
pipeline: [{name: WhitespaceTokenizer}, {name: CountVectorsFeaturizer}, {name: DIETClassifier}]
policies: [{name: RulePolicy}]
"""
FEW = "nlu: [{intent: affirm, examples: '- yes'}, {intent: deny, examples: '- no'}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project of every kind of content."""
    files = {
        "config.yml": "language: en\n",
        "domain.yml": "intents: []\n",
        "data/nlu/fever.yml": "nlu: []\n",
        "data/stories/rules.yml": "rules: []\n",
        "bot/nlu/classifier.py": "NAME = 1\n",
        "bot/triage/rules.py": "RULES = 1\n",
        "bot/importer.py": "IMPORTER = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_fingerprint_stays_the_same_while_nothing_changes(project: Path, tmp_path_factory: Any) -> None:
    first = train.fingerprint(project)
    elsewhere = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(project, elsewhere)
    assert train.fingerprint(project) == first
    assert train.fingerprint(elsewhere) == first


@pytest.mark.parametrize(
    "name",
    [
        "config.yml",
        "domain.yml",
        "data/nlu/fever.yml",
        "data/stories/rules.yml",
        "bot/nlu/classifier.py",
        "bot/triage/rules.py",
        "bot/importer.py",
    ],
)
def test_a_changed_file_changes_the_fingerprint(project: Path, name: str) -> None:
    before = train.fingerprint(project)
    with (project / name).open("a", encoding="utf-8") as file:
        file.write("# one more line\n")
    assert train.fingerprint(project) != before


@pytest.mark.parametrize("name", ["bot/ranker.py", "bot/content.py", "bot/words.py", "bot/encoder/encoder.py"])
def test_code_that_the_trained_components_are_made_of_changes_the_fingerprint(project: Path, name: str) -> None:
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("VERSION = 1\n", encoding="utf-8")
    before = train.fingerprint(project)
    (project / name).write_text("VERSION = 2\n", encoding="utf-8")
    assert train.fingerprint(project) != before


def test_a_new_a_renamed_and_a_removed_file_change_the_fingerprint(project: Path) -> None:
    prints = [train.fingerprint(project)]
    (project / "data/nlu/new.yml").write_text("nlu: []\n", encoding="utf-8")
    prints.append(train.fingerprint(project))
    (project / "data/nlu/new.yml").rename(project / "data/nlu/newer.yml")
    prints.append(train.fingerprint(project))
    (project / "data/nlu/fever.yml").unlink()
    prints.append(train.fingerprint(project))
    assert len(set(prints)) == 4


def test_text_that_moves_from_one_file_to_the_next_changes_the_fingerprint(project: Path) -> None:
    (project / "data/nlu/a.yml").write_text("one\ntwo\n", encoding="utf-8")
    (project / "data/nlu/b.yml").write_text("three\n", encoding="utf-8")
    before = train.fingerprint(project)
    (project / "data/nlu/a.yml").write_text("one\n", encoding="utf-8")
    (project / "data/nlu/b.yml").write_text("two\nthree\n", encoding="utf-8")
    assert train.fingerprint(project) != before


def test_files_that_no_model_is_made_from_do_not_change_the_fingerprint(project: Path) -> None:
    before = train.fingerprint(project)
    for name in ("README.md", "data/nlu/notes.md", "bot/nlu/classifier.pyc", "clinic.yml", "bot/nlg.py"):
        (project / name).write_text("anything", encoding="utf-8")
    assert train.fingerprint(project) == before


# -- is_current ------------------------------------------------------------------------------------


@pytest.fixture
def trained(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a model that was made from the project."""
    monkeypatch.chdir(project)
    models = project / "models"
    models.mkdir()
    (models / "il2.tar.gz").write_bytes(b"model")
    (models / "il2.json").write_text(json.dumps({"fingerprint": train.fingerprint()}), encoding="utf-8")
    return models


def test_a_model_made_from_what_stands_there_is_current(trained: Path) -> None:
    assert train.is_current(trained)
    assert train.model_path(trained) == trained / "il2.tar.gz"


def test_a_model_is_out_of_date_once_the_content_changes(trained: Path) -> None:
    Path("data/nlu/fever.yml").write_text("nlu: [1]\n", encoding="utf-8")
    assert not train.is_current(trained)


@pytest.mark.parametrize("lost", ["il2.tar.gz", "il2.json"])
def test_a_model_is_out_of_date_when_a_part_of_it_is_lost(trained: Path, lost: str) -> None:
    (trained / lost).unlink()
    assert not train.is_current(trained)


@pytest.mark.parametrize("stamp", ["", "{", "{}", '{"fingerprint": null}', '{"fingerprint": "0123"}'])
def test_a_model_with_a_broken_stamp_is_out_of_date(trained: Path, stamp: str) -> None:
    (trained / "il2.json").write_text(stamp, encoding="utf-8")
    assert not train.is_current(trained)


# -- main ------------------------------------------------------------------------------------------


class FakeTraining:
    """Stands for Rasa's training."""

    def __init__(self) -> None:
        self.runs = 0
        self.error: Exception | None = None

    def __call__(self, target: Path) -> None:
        self.runs += 1
        if self.error:
            raise self.error
        target.write_bytes(b"model")


@pytest.fixture
def training(project: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    monkeypatch.chdir(project)
    fake = FakeTraining()
    monkeypatch.setattr(train, "check_content", lambda: None)
    monkeypatch.setattr(train, "learn", fake)
    monkeypatch.setattr(sys, "argv", ["train"])
    return fake


def test_a_second_run_does_not_train_again(training: FakeTraining, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main() == 0
    assert "training" in capsys.readouterr().out
    assert train.main() == 0
    assert capsys.readouterr() == ("", "")
    assert training.runs == 1


def test_changed_content_is_trained_again(training: FakeTraining) -> None:
    train.main()
    Path("domain.yml").write_text("intents: [greet]\n", encoding="utf-8")
    train.main()
    assert training.runs == 2


def test_force_trains_although_nothing_changed(training: FakeTraining, monkeypatch: pytest.MonkeyPatch) -> None:
    train.main()
    monkeypatch.setattr(sys, "argv", ["train", "--force"])
    train.main()
    assert training.runs == 2


def test_content_that_changes_during_training_is_trained_again(
    training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited_meanwhile(target: Path) -> None:
        Path("domain.yml").write_text("intents: [new]\n", encoding="utf-8")
        training(target)

    monkeypatch.setattr(train, "learn", edited_meanwhile)
    assert train.main() == 0
    assert not train.is_current()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (MemoryError(), "MemoryError"),
        (ValueError("first line\n  second line"), "first line second line"),
    ],
)
def test_a_failed_training_gives_one_sentence_and_no_stamp(
    training: FakeTraining, capsys: pytest.CaptureFixture[str], error: Exception, sentence: str
) -> None:
    training.error = error
    assert train.main() == 1
    assert capsys.readouterr().err == f"Training stopped: {sentence}\n"
    assert not train.is_current()


def test_what_rasa_prints_goes_to_the_log_and_the_terminal_is_put_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log" / "training.log"
    with contextlib.suppress(ValueError), train._printing_to(log) as terminal:
        subprocess.run(["sh", "-c", "echo much; echo noise >&2"], check=True)
        print("progress", file=terminal, flush=True)
        raise ValueError("stopped")
    subprocess.run(["echo", "after"], check=True)
    assert capfd.readouterr().out == "progress\nafter\n"
    assert log.read_text() == "much\nnoise\n"


# -- a broken file, end to end ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """One run of the real command for each broken file, side by side."""
    started = {}
    for name, text in {**BROKEN, "config.yml": DIET}.items():
        copy = tmp_path_factory.mktemp("broken") / "project"
        shutil.copytree(ROOT / "data", copy / "data")
        for file in ("config.yml", "domain.yml", "endpoints.yml", "clinic.yml"):
            shutil.copy(ROOT / file, copy)
        (copy / name).write_text(text, encoding="utf-8")
        if text == DIET:  # few sentences: it gets as far as the training
            shutil.rmtree(copy / "data" / "nlu")
            (copy / "data" / "nlu").mkdir()
            (copy / "data" / "nlu" / "few.yml").write_text(FEW, encoding="utf-8")
        started[name] = subprocess.Popen(
            [sys.executable, "-m", "bot.runtime.train"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    done = {}
    for name, process in started.items():
        out, err = process.communicate()
        done[name] = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_stops_the_training_with_one_sentence_that_names_it(
    stopped: dict[str, subprocess.CompletedProcess[str]], name: str
) -> None:
    done = stopped[name]
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Training stopped: {name}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_component_that_needs_tensorflow_stops_the_training_with_one_sentence(
    stopped: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    done = stopped["config.yml"]
    assert done.returncode == 1
    assert done.stderr.startswith("Training stopped: This component needs TensorFlow")
    assert len(done.stderr.splitlines()) == 1
