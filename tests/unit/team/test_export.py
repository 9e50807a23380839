"""Labelled questions become training data that the companion's own importer reads, whatever is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasa.shared.nlu.constants import TEXT

from bot.importer import CompanionImporter, read_nlu
from bot.team import labels
from bot.team.export import as_nlu
from bot.unanswered import Question

ANSWER, DECLINE = "faq/contrast_before_scan", "decline/dose_change"


def _question(text: str, label: str | None) -> Question:
    return Question(1, 0.0, "hash", "web", "not_understood", text, label, "anna")


def test_the_labels_are_the_companions_answers_and_declines() -> None:
    known = labels.titles()
    assert {ANSWER, DECLINE} <= set(known)
    assert known[DECLINE] == "Changing a dose yourself"
    sentences, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    assert {f"utter_{intent}" for intent in known} <= set(responses)
    assert set(known) <= {intent for intent, _ in sentences}
    assert all(known.values())


def test_symptoms_have_names() -> None:
    assert labels.symptom("chest_pain") == "chest pain or tightness"
    assert labels.symptom("not_in_the_table") == "not in the table"


def test_the_importer_reads_the_export_into_the_right_intents(tmp_path: Path) -> None:
    folder = tmp_path / "nlu"
    folder.mkdir()
    odd = "- is [dye](x): {y} # 'safe' \"or\" not?\n  - intent: evil"
    questions = [
        _question("can i have the dye", ANSWER),
        _question("can i have the dye", ANSWER),
        _question(odd, ANSWER),
        _question("half a dose, ok?", DECLINE),
        _question("asdf", labels.NOTHING),
        _question("later", None),
        _question("an old label", "faq/no_longer_there"),
        _question(" ", ANSWER),
    ]
    (folder / "questions.yml").write_text(as_nlu(questions), encoding="utf-8")
    data = CompanionImporter("config.yml", "domain.yml", [str(folder)]).get_nlu_data()
    found = {(message.get_full_intent(), message.get(TEXT)) for message in data.training_examples}
    assert found == {
        (ANSWER, "can i have the dye"),
        (ANSWER, "- is [dye](x): {y} # 'safe' \"or\" not? - intent: evil"),
        (DECLINE, "half a dose, ok?"),
    }


@given(st.text(max_size=60))
def test_any_text_stays_one_example(text: str) -> None:
    import yaml

    from bot.importer import examples

    data = yaml.safe_load(as_nlu([_question(text.encode("utf-8", "replace").decode(), ANSWER)]))
    lines = [line for item in data["nlu"] for line in examples(item["examples"])]
    assert len(data["nlu"]) <= 1
    assert len(lines) <= 1
    if text.split() and text.isascii() and text.isprintable():
        assert lines == [" ".join(text.split())]


def test_nothing_labelled_is_an_empty_list() -> None:
    import yaml

    assert yaml.safe_load(as_nlu([]))["nlu"] == []


@pytest.mark.parametrize("topic", ["contrast", "not answered by the leaflets"])
def test_labels_are_grouped(topic: str) -> None:
    assert labels.groups()[topic]
