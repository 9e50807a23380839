"""The second detector: tells a report from questions, denials, past events and figures of speech.

It learns from the labelled sentences of ``data/nlu/red_flags.yml`` and sees meaning where the wording rules see words,
so the two miss different sentences. It knows no symptom by name and little of negation, hence two narrow powers
(docs/decisions/0007-two-detectors.md): it adds a level where the rules gave none, and it takes a mention for a
question, a memory or a figure of speech where it is very sure of it and the rules took it for less than an emergency.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
ASSERTIONS = {
    "symptom_denied": Assertion.DENIED,
    "symptom_past": Assertion.PAST,
    "symptom_other_person": Assertion.OTHER,
    "figure_of_speech": Assertion.FIGURATIVE,
}
"""What a label says of a mention; any other label without a red flag says that it was asked about."""
SYMPTOM, ROW = "not_listed", 65
"""What a finding of this detector is filed under: it does not know which symptom it is."""
CRISIS_SYMPTOM, CRISIS_ROW = "suicide", 13
MAX_SENTENCES = 4
LEAST_GRAVE = 0.45
"""Score of the emergency labels below which a report is urgent at most."""
LEAST_CRISIS = 0.4
"""Score of the crisis label below which no crisis is seen."""
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")

Vector = npt.NDArray[np.float32]
Read = Callable[[str], tuple[str, Vector]]
"""Gives the repaired lower-case form of a text and its sentence vector."""


@dataclass(frozen=True)
class Thresholds:
    """Lines of the detector, calibrated on the development sets.

    Attributes:
        report: strength from which a level is given where the rules found nothing. Strength is the summed scores of the
            red-flag labels less half those of the other labels.
        against: the same where the rules took what they found for past, asked or hypothetical.
        emergency: share of the emergency and crisis labels in the red-flag scores from which it is an emergency.
        raised: summed score of those two labels, and also their share, from which a lower level becomes an emergency.
        harmless: summed red-flag scores below which a mention may be taken for no report ...
        certain: ... if the other labels sum up to this.
    """

    report: float = 0.2
    against: float = 0.5
    emergency: float = 0.5
    raised: float = 0.7
    harmless: float = 0.35
    certain: float = 0.85


@dataclass(frozen=True)
class Scores:
    """The positive scores of the labels for one sentence."""

    red: dict[str, float]
    other: dict[str, float]

    @property
    def total(self) -> float:
        """How much it reads as a report."""
        return sum(self.red.values())

    @property
    def against(self) -> float:
        """How much it reads as anything else."""
        return sum(self.other.values())

    @property
    def strength(self) -> float:
        """How much more it reads as a report than as anything else."""
        return self.total - self.against / 2

    @property
    def grave(self) -> float:
        """The scores of emergency and crisis."""
        return self.red["red_flag_emergency"] + self.red[CRISIS]

    def level(self, share: float) -> Level:
        """The level it would have as a report."""
        if self.grave >= max(share * self.total, LEAST_GRAVE):
            return Level.EMERGENCY
        return Level.URGENT if self.red["red_flag_urgent"] >= self.red["red_flag_soon"] else Level.SOON

    @property
    def crisis(self) -> bool:
        """Whether the crisis label leads."""
        others = max(score for label, score in self.red.items() if label != CRISIS)
        return self.red[CRISIS] > max(others, LEAST_CRISIS)


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
        """Learn from texts, their sentence vectors (n, 384) and their labels, among them those of :data:`LEVELS`."""
        return cls(Ranker.fit(texts, vectors, labels), thresholds)

    def save(self, folder: Path) -> None:
        """Write the ranker's files."""
        self._ranker.save(folder)

    @classmethod
    def load(cls, folder: Path, thresholds: Thresholds | None = None) -> ReportClassifier:
        """Read what :meth:`save` wrote."""
        return cls(Ranker.load(folder), thresholds)

    def scores(self, text: str, vector: Vector) -> Scores:
        """The positive scores for a repaired text and its sentence vector."""
        scores = self._ranker.scores(text, vector)
        positive = {label: max(0.0, float(score)) for label, score in zip(self._ranker.labels, scores, strict=True)}
        red = {label: positive.pop(label, 0.0) for label in LEVELS}
        return Scores(red, positive)

    def judge(self, assessment: Assessment, text: str, read: Read, ordinary: bool = False) -> Assessment:
        """The assessment of ``text`` after this detector has had its say.

        Args:
            assessment: what the rules found.
            text: the message as it was typed.
            read: gives the form and the vector that this detector learnt from.
            ordinary: whether the message is well understood as something else, which raises the bar for a level.
        """
        if not text.strip() or assessment.level is Level.EMERGENCY or assessment.bystander:
            return assessment
        if assessment.level:
            return self._raise(self._doubt(assessment, text, read), text, read)
        return self._add(assessment, text, read, ordinary)

    def _add(self, assessment: Assessment, text: str, read: Read, ordinary: bool) -> Assessment:
        """Give a level where the whole message, or one of its sentences, reads as a report."""
        judged = {finding.assertion for finding in assessment.findings}
        if assessment.normal_reading is not None or judged & {Assertion.DENIED, Assertion.FIGURATIVE, Assertion.NOW}:
            return assessment
        needed = self._thresholds.against if judged or ordinary else self._thresholds.report
        pieces = [text, *(piece for _, piece in _sentences(text))]
        best = max((self.scores(*read(piece)) for piece in dict.fromkeys(pieces)), key=lambda scores: scores.strength)
        if best.strength < needed:
            return assessment
        return _with(assessment, best.level(self._thresholds.emergency), text, best.crisis)

    def _raise(self, assessment: Assessment, text: str, read: Read) -> Assessment:
        """Make an emergency of a lower level where the whole message clearly reads as one."""
        if not assessment.level:
            return assessment
        scores = self.scores(*read(text))
        if scores.grave < self._thresholds.raised or scores.grave < self._thresholds.raised * scores.total:
            return assessment
        return _with(assessment, Level.EMERGENCY, text, scores.crisis)

    def _doubt(self, assessment: Assessment, text: str, read: Read) -> Assessment:
        """Take the level back where each sentence with a finding surely is no report; readings are left alone."""
        sentences = _sentences(text)
        assertion = Assertion.ASKED
        for finding in (finding for finding in assessment.findings if finding.level):
            begin, end = finding.span
            if finding.reading is not None or begin == end:  # a number, or what an earlier message was about
                return assessment
            about = "".join(piece for at, piece in sentences if at < end and begin < at + len(piece)) or text
            scores = self.scores(*read(about))
            if scores.total >= self._thresholds.harmless or scores.against < self._thresholds.certain:
                return assessment
            assertion = ASSERTIONS.get(max(scores.other, key=lambda label: scores.other[label]), Assertion.ASKED)
        findings = tuple(
            replace(finding, level=Level.NONE, assertion=assertion) if finding.level else finding
            for finding in assessment.findings
        )
        return replace(assessment, level=Level.NONE, findings=findings)


def _with(assessment: Assessment, level: Level, text: str, crisis: bool) -> Assessment:
    symptom, row = (CRISIS_SYMPTOM, CRISIS_ROW) if crisis else (SYMPTOM, ROW)
    finding = Finding(symptom, row, level, Assertion.NOW, None, (0, len(text)), text, ("cs",), "classifier")
    findings = (*assessment.findings, finding)
    return replace(assessment, level=level, findings=findings, crisis=assessment.crisis or crisis)


def _sentences(text: str) -> list[tuple[int, str]]:
    """The sentences of a text with the character where each begins, at most four."""
    return [(match.start(), match[0]) for match in _SENTENCE.finditer(text)][:MAX_SENTENCES]
