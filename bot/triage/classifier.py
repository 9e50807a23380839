"""The second detector: tells a report of something happening now from questions, denials, past events and figures of speech.

It learns from the labelled sentences of ``data/nlu/red_flags.yml`` and sees meaning where the wording rules see words, so
the two miss different sentences. It knows no symptom by name and little of negation: it only ever adds a level where the
rules saw nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.ranker import Ranker
from bot.triage.model import Assertion, Assessment, Finding, Level

LEVELS = {
    "red_flag_emergency": Level.EMERGENCY,
    "red_flag_crisis": Level.EMERGENCY,
    "red_flag_urgent": Level.URGENT,
    "red_flag_soon": Level.SOON,
}
CRISIS = "red_flag_crisis"
OTHER = "other"
"""Label of the questions, declines and small talk that stand against the reports."""
SYMPTOM, ROW = "not_listed", 65
"""What a finding of this detector is filed under: it does not know which symptom it is."""


@dataclass(frozen=True)
class Thresholds:
    """Summed scores of the red-flag labels from which a report is believed; calibrated on the development set.

    Attributes:
        report: a level is given where the rules found nothing.
        against: a level is given although the rules took what they found for past, asked or hypothetical.
        emergency: share of the emergency and crisis labels in that sum from which it is an emergency.
    """

    report: float = 0.5
    against: float = 0.9
    emergency: float = 0.6


@dataclass(frozen=True)
class Detection:
    """What the classifier makes of a message; ``total`` is the summed score of the red-flag labels."""

    level: Level
    total: float
    crisis: bool = False


class ReportClassifier:
    """Scores how much a message reads as a report of a red flag."""

    def __init__(self, ranker: Ranker, thresholds: Thresholds | None = None) -> None:
        """Wrap a trained ranker."""
        self._ranker, self._thresholds = ranker, thresholds or Thresholds()

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        vectors: npt.NDArray[np.float32],
        labels: Sequence[str],
        thresholds: Thresholds | None = None,
    ) -> ReportClassifier:
        """Learn from texts, their sentence vectors (n, 384) and their labels (``red_flag_...``, ``symptom_...``, other)."""
        return cls(Ranker.fit(texts, vectors, labels), thresholds)

    def save(self, folder: Path) -> None:
        """Write the ranker's files."""
        self._ranker.save(folder)

    @classmethod
    def load(cls, folder: Path, thresholds: Thresholds | None = None) -> ReportClassifier:
        """Read what :meth:`save` wrote."""
        return cls(Ranker.load(folder), thresholds)

    def scores(self, text: str, vector: npt.NDArray[np.float32]) -> dict[str, float]:
        """The score of each label, about 0 to 1."""
        return dict(zip(self._ranker.labels, map(float, self._ranker.scores(text, vector)), strict=True))

    def detect(self, text: str, vector: npt.NDArray[np.float32]) -> Detection:
        """The level that a message would have if it is a report, and how much it reads as one."""
        scores = self.scores(text, vector)
        red = {label: max(0.0, scores.get(label, 0.0)) for label in LEVELS}
        total = sum(red.values())
        grave = red["red_flag_emergency"] + red[CRISIS]
        if grave >= self._thresholds.emergency * total:
            return Detection(Level.EMERGENCY, total, red[CRISIS] > red["red_flag_emergency"])
        return Detection(Level.URGENT if red["red_flag_urgent"] >= red["red_flag_soon"] else Level.SOON, total)

    def add(self, assessment: Assessment, text: str, sentence: str, vector: npt.NDArray[np.float32]) -> Assessment:
        """The assessment of ``text`` with this detector's finding; the higher level counts.

        Args:
            assessment: what the rules found.
            text: the message as it was typed.
            sentence: its repaired lower-case form, as in training.
            vector: the sentence vector of that form.
        """
        found = self.detect(sentence, vector)
        if found.level <= assessment.level or found.total < self._needed(assessment):
            return assessment
        finding = Finding(SYMPTOM, ROW, found.level, Assertion.NOW, None, (0, len(text)), text, ("cs",), "classifier")
        return replace(
            assessment,
            level=found.level,
            findings=(*assessment.findings, finding),
            crisis=assessment.crisis or found.crisis,
            normal_reading=None,
        )

    def _needed(self, assessment: Assessment) -> float:
        """The rules know negation, this detector hardly does: it never speaks against a denial or a level."""
        judged = {finding.assertion for finding in assessment.findings}
        if assessment.level or assessment.bystander or judged & {Assertion.DENIED, Assertion.FIGURATIVE, Assertion.NOW}:
            return float("inf")
        return self._thresholds.against if judged else self._thresholds.report
