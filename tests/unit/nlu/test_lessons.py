"""What the encoder's adaptation learns from: every training sentence, under the labels that the classifiers use."""

from __future__ import annotations

import pytest

from bot.nlu.red_flag_gate import gate_label
from bot.runtime.lessons import Lesson, lessons


@pytest.mark.parametrize(
    ("intent", "label"),
    [
        ("red_flag_emergency", "red_flag_emergency"),
        ("symptom_asked", "symptom_asked"),
        ("figure_of_speech", "figure_of_speech"),
        ("faq", "other"),
        ("decline", "other"),
        ("red_flag_bystander", ""),
        ("red_flag_urgent_and_question", ""),
        ("two_answers", ""),
    ],
)
def test_the_gate_learns_an_intent_as(intent: str, label: str) -> None:
    assert gate_label(intent) == label


@pytest.mark.slow
def test_lessons_are_repaired_and_labelled_for_both_classifiers() -> None:
    found = lessons()
    assert Lesson("what is il-2", "faq/about_overview", "other") in found
    assert Lesson("can not breathe", "", "red_flag_emergency") in found
    by_gate = {lesson.gate for lesson in found}
    assert {"", "other", "red_flag_crisis", "symptom_past"} <= by_gate
    assert not any(lesson.topic for lesson in found if lesson.gate.startswith("red_flag_"))
    # What the answers themselves teach: their titles among them.
    assert sum(not lesson.gate and lesson.topic.startswith("faq/") for lesson in found) > 600
