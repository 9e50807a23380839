"""The second detector beside the wording rules: what it adds, raises and takes back, and what it must not touch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bot.triage import Context, Level, assess, weighing
from bot.triage.classifier import ReportClassifier, Vector
from bot.triage.weighing import Weighing

REPORT, ELSE = "red_flag_emergency", "figure_of_speech"
"""What the words of these toy sentences mean: "zot" is grave, "blah" is idle talk."""


def read(text: str) -> tuple[str, Vector]:
    vector = np.zeros(384, dtype=np.float32)
    vector[0 if "zot" in text else 1 if "blah" in text else 2] = 1
    return text.lower(), vector


@pytest.fixture(scope="module")
def classifier() -> ReportClassifier:
    texts = [f"zot {n}" for n in "abcdef"] + [f"blah {n}" for n in "abcdef"] + [f"tea {n}" for n in "abcdef"]
    labels = [REPORT] * 6 + [ELSE] * 6 + ["other"] * 6
    forms, vectors = zip(*map(read, texts), strict=True)
    return ReportClassifier.fit(texts, forms, np.stack(vectors), labels)


def judge(classifier: ReportClassifier, text: str, context: Context | None = None) -> Level:
    return classifier.judge(assess(text, context), text, read).level


def test_it_adds_what_the_rules_do_not_know(classifier: ReportClassifier) -> None:
    assert assess("zot today").level is Level.NONE
    result = classifier.judge(assess("zot today"), "zot today", read)
    assert result.level is Level.EMERGENCY
    assert [finding.detector for finding in result.findings] == ["classifier"]


def test_nothing_said_beside_a_report_talks_it_down(classifier: ReportClassifier) -> None:
    alone = judge(classifier, "zot today")
    for other in ("blah blah blah", "I like tea", "No nosebleeds", "I had a rash years ago", "What if I get a fever?"):
        assert judge(classifier, f"zot today. {other}.") >= alone, other
        assert judge(classifier, f"{other}. zot today.") >= alone, other


def test_it_takes_back_words_that_are_surely_idle(classifier: ReportClassifier) -> None:
    sure = Weighing({**weighing.load().formulas, "report": {"bias": 5.0, "figurative": -50.0}}, weighing.load().lines)
    doubting = ReportClassifier(classifier._ranker, classifier._frames, sure)
    text = "blah I have a cough"
    assert assess(text).level is Level.URGENT
    result = doubting.judge(assess(text), text, read)
    assert result.level is Level.NONE
    assert {finding.level for finding in result.findings} == {Level.NONE}


def test_numbers_and_what_is_carried_over_are_never_doubted(classifier: ReportClassifier) -> None:
    deaf = Weighing({**weighing.load().formulas, "report": {"bias": -50.0}}, weighing.load().lines)
    doubting = ReportClassifier(classifier._ranker, classifier._frames, deaf)
    assert judge(doubting, "blah my temperature is 39.5") is Level.URGENT
    context = Context(previous=("I have a fever",), open_symptoms=("fever",), last_level=Level.URGENT)
    assert judge(doubting, "I'd rather not bother them blah", context) is Level.URGENT


def test_a_lower_level_of_the_rules_is_raised_and_never_lowered(classifier: ReportClassifier) -> None:
    assert judge(classifier, "zot and a cough") is Level.EMERGENCY
    tame = {"bias": -50.0}
    formulas = {"report": {"bias": 5.0}, "emergency": tame, "urgent": tame}
    soft = ReportClassifier(classifier._ranker, classifier._frames, Weighing(formulas, weighing.load().lines))
    assert judge(soft, "tea and chest pain") is Level.EMERGENCY
    assert judge(soft, "tea but I have a cough") is Level.URGENT


def test_a_bystander_and_an_empty_message_are_left_alone(classifier: ReportClassifier) -> None:
    for text in ("", "   ", "..."):
        assert judge(classifier, text) is Level.NONE
    bystander = dataclasses.replace(assess("hello"), bystander=True, level=Level.EMERGENCY)
    assert classifier.judge(bystander, "hello", read) is bystander


def test_a_crisis_is_named(classifier: ReportClassifier) -> None:
    texts = [f"{word} {n}" for word in ("zot", "blah") for n in "abcdef"]
    forms, vectors = zip(*map(read, texts), strict=True)
    crisis = ReportClassifier.fit(texts, forms, np.stack(vectors), ["red_flag_crisis"] * 6 + [ELSE] * 6)
    result = crisis.judge(assess("zot today"), "zot today", read)
    assert result.crisis
    assert result.symptoms == ("suicide",)


def test_it_is_the_same_when_it_was_saved_and_loaded(classifier: ReportClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    loaded = ReportClassifier.load(tmp_path)
    for text in ("zot today", "blah today", "tea", "I have a cough. blah"):
        assert loaded.judge(assess(text), text, read) == classifier.judge(assess(text), text, read)
