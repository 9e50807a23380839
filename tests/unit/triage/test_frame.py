"""The frame of a symptom: the words around it, whichever symptom it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.triage.assess import frame_of
from bot.triage.frame import BEGIN, END, NUMBER, SYMPTOM, FrameDetector

SYMPTOMS = ("chest pain", "a fever", "a rash", "diarrhea", "chills", "a cough", "a headache")
REPORTS = [f"I have {symptom} {when}" for symptom in SYMPTOMS for when in ("now", "since lunch", "tonight")]
OTHERS = [
    f"{what} {symptom}" for symptom in SYMPTOMS for what in ("what if I get", "does it cause", "my cousin once had")
]


@pytest.fixture(scope="module")
def detector() -> FrameDetector:
    frames = [frame_of(text) for text in (*REPORTS, *OTHERS)]
    return FrameDetector.fit(frames, [True] * len(REPORTS) + [False] * len(OTHERS))


def test_symptoms_and_numbers_are_masked() -> None:
    assert frame_of("I had a rash 20 years ago") == f"{BEGIN} i had a {SYMPTOM} {NUMBER} years ago {END}"
    assert frame_of("I had a cough 20 years ago") == frame_of("I had a rash 30 years ago")


def test_a_symptom_without_examples_is_judged_by_its_frame(detector: FrameDetector) -> None:
    assert detector.score(frame_of("I have swollen ankles since lunch")) > 0
    assert detector.score(frame_of("what if I get swollen ankles")) < 0


def test_it_is_the_same_when_it_was_saved_and_loaded(detector: FrameDetector, tmp_path: Path) -> None:
    detector.save(tmp_path)
    loaded = FrameDetector.load(tmp_path)
    for text in (*REPORTS, *OTHERS, "", "words that nobody taught it"):
        assert loaded.score(frame_of(text)) == pytest.approx(detector.score(frame_of(text)))
