"""The second detector: learns from labelled sentences how reports differ from everything else.

It sees meaning (sentence vectors) and the frame of a symptom where the wording rules see words, so the two miss
different sentences. The evidence of both is weighed for the whole message and for each of its first sentences; the
strongest counts, so that nothing said beside a report can talk it down (docs/decisions/0007-two-detectors.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.ranker import Ranker
from bot.triage import weighing
from bot.triage.assess import frame_of
from bot.triage.frame import FrameDetector
from bot.triage.model import Assertion, Assessment, Finding, Level, Reading
from bot.triage.weighing import Learnt, Weighing

LEVELS = {
    "red_flag_emergency": Level.EMERGENCY,
    "red_flag_crisis": Level.EMERGENCY,
    "red_flag_urgent": Level.URGENT,
    "red_flag_soon": Level.SOON,
}
CRISIS = "red_flag_crisis"
OTHER = "other"
"""Label of the questions, declines and small talk that stand against the reports."""
GROUPS = {
    "denied": ("symptom_denied", "symptom_normal"),
    "past": ("symptom_past",),
    "other_person": ("symptom_other_person",),
    "figurative": ("figure_of_speech",),
    "asked": ("symptom_asked",),
    "ordinary": (OTHER,),
}
"""The labels without a red flag, by the feature that they make."""
ASSERTIONS = {
    "denied": Assertion.DENIED,
    "past": Assertion.PAST,
    "other_person": Assertion.OTHER,
    "figurative": Assertion.FIGURATIVE,
}
"""What a group says of a mention; any other says that it was asked about."""
SYMPTOM, ROW = "not_listed", 65
"""What a finding of this detector is filed under: it does not know which symptom it is."""
CRISIS_SYMPTOM, CRISIS_ROW = "suicide", 13
MAX_SENTENCES = 4
LEAST_CRISIS = 0.4
"""Score of the crisis label below which no crisis is seen."""
_SENTENCE = re.compile(r"(?:[^.!?;\n]|\.(?=\d))+[.!?;\n]*")

NORMAL = "normal"
"""A normal reading for the meaning detector: sentence vectors cannot tell "it is 36.8" from "it is 38.6"."""

Vector = npt.NDArray[np.float32]
Read = Callable[[str], tuple[str, Vector]]
"""Gives the repaired lower-case form of a text and its sentence vector."""


@dataclass(frozen=True)
class Piece:
    """A message, or one of its sentences, with the evidence on it.

    Attributes:
        begin: where it stands, in characters.
        features: the evidence by name.
        normal: whether the rules found a reading in the normal range in it, and nothing else.
        crisis: whether the crisis label leads among the red flags.
        group: the strongest group of labels without a red flag.
    """

    begin: int
    text: str
    features: dict[str, float]
    normal: bool
    crisis: bool
    group: str


def worded(text: str, normal: Reading | None, begin: int = 0) -> str:
    """A piece of a message, which begins at a character of it, with its normal reading told in a word."""
    if normal is None:
        return text
    start, end = (place - begin for place in normal.span)
    return f"{text[:start]}{NORMAL}{text[end:]}" if 0 <= start < end <= len(text) else text


class ReportClassifier:
    """Judges, with what the rules found, whether a message reports a red flag, and how grave it is."""

    def __init__(self, ranker: Ranker, frames: FrameDetector, weights: Weighing | None = None) -> None:
        """Wrap trained detectors.

        Args:
            ranker: of the labels, by meaning.
            frames: of the words around a symptom.
            weights: how to weigh them; those of the data file by default.
        """
        self._ranker, self._frames = ranker, frames
        self._weighing = weights or weighing.load()

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        repaired: Sequence[str],
        vectors: npt.NDArray[np.float32],
        labels: Sequence[str],
    ) -> ReportClassifier:
        """Learn from texts as typed, their repaired forms, sentence vectors (n, 384) and labels."""
        frames = FrameDetector.fit([frame_of(text) for text in texts], [label in LEVELS for label in labels])
        return cls(Ranker.fit(repaired, vectors, labels), frames)

    def save(self, folder: Path) -> None:
        """Write the detectors' files."""
        self._ranker.save(folder)
        self._frames.save(folder)

    @classmethod
    def load(cls, folder: Path) -> ReportClassifier:
        """Read what :meth:`save` wrote."""
        return cls(Ranker.load(folder), FrameDetector.load(folder))

    def judge(self, assessment: Assessment, text: str, read: Read, *, otherwise: bool = False) -> Assessment:
        """The assessment of ``text`` after all evidence is weighed.

        Args:
            assessment: what the rules found.
            text: the message as it was typed.
            read: gives the form and the vector that the meaning detector learnt from.
            otherwise: the topic classifier takes the message for a question, small talk or no report.
        """
        if not text.strip() or assessment.bystander:
            return assessment
        pieces = self.pieces(assessment, text, read)
        first = "unseen" if otherwise and assessment.level is Level.NONE else "report"
        lines = [first, *["sentence"] * (len(pieces) - 1)]
        reports = [
            piece for piece, line in zip(pieces, lines, strict=True) if self._is_report(piece, assessment.level, line)
        ]
        if reports:
            return self._reported(assessment, text, reports)
        return self._doubted(assessment, pieces[0]) if assessment.level else assessment

    def _is_report(self, piece: Piece, level: Level, line: str) -> bool:
        """Whether a piece is likely enough a report; ``level``: by the rules, ``line``: if they saw nothing in it."""
        if piece.normal:
            line = "normal"
        elif level is Level.EMERGENCY:
            line = "doubt"
        elif piece.features["rules_symptoms"]:  # counts as much among other sentences as alone
            line = "report"
        return self._weighing.probability("report", piece.features) >= self._weighing.lines[line]

    def pieces(self, assessment: Assessment, text: str, read: Read) -> list[Piece]:
        """The message and, if there are several, its first sentences, with the evidence on each."""
        sentences = [(match.start(), match[0]) for match in _SENTENCE.finditer(text)][:MAX_SENTENCES]
        cut = [(0, text), *(sentences if len(sentences) > 1 else ())]
        return [self._piece(begin, piece, assessment, read, whole=not at) for at, (begin, piece) in enumerate(cut)]

    def _piece(self, begin: int, text: str, assessment: Assessment, read: Read, *, whole: bool) -> Piece:
        end = begin + len(text)

        def inside(span: tuple[int, int]) -> bool:
            return whole or (span[0] < end and begin < span[1])

        normal = assessment.normal_reading
        if normal is not None and not inside(normal.span):
            normal = None
        told = worded(text, normal, begin)
        scores = self._scores(*read(told))
        red = {label: scores.pop(label, 0.0) for label in LEVELS}
        groups = {name: sum(scores.get(label, 0.0) for label in labels) for name, labels in GROUPS.items()}
        others = max(score for label, score in red.items() if label != CRISIS)
        learnt = Learnt(
            {
                "red_flag": sum(red.values()),
                "grave": red["red_flag_emergency"] + red[CRISIS],
                "urgent": red["red_flag_urgent"],
                "soon": red["red_flag_soon"],
                **groups,
            },
            self._frames.score(frame_of(told)),
        )
        found = [finding for finding in assessment.findings if inside(finding.span)]
        return Piece(
            begin,
            text,
            weighing.features(text, found, learnt),
            normal=normal is not None and not found,
            crisis=red[CRISIS] > max(others, LEAST_CRISIS),
            group=max(groups, key=lambda name: groups[name]),
        )

    def _scores(self, text: str, vector: Vector) -> dict[str, float]:
        """The positive scores of the labels."""
        scores = self._ranker.scores(text, vector)
        return {label: max(0.0, float(score)) for label, score in zip(self._ranker.labels, scores, strict=True)}

    def _reported(self, assessment: Assessment, text: str, reports: Sequence[Piece]) -> Assessment:
        """The rules' level, or the weighed one where that is higher."""
        level = max(self._weighing.level(piece.features) for piece in reports)
        if level <= assessment.level:
            return assessment
        crisis = level is Level.EMERGENCY and any(piece.crisis for piece in reports)
        symptom, row = (CRISIS_SYMPTOM, CRISIS_ROW) if crisis else (SYMPTOM, ROW)
        finding = Finding(symptom, row, level, Assertion.NOW, None, (0, len(text)), text, ("cs",), "classifier")
        return replace(
            assessment,
            level=level,
            findings=(*assessment.findings, finding),
            crisis=assessment.crisis or crisis,
            normal_reading=None,
        )

    @staticmethod
    def _doubted(assessment: Assessment, whole: Piece) -> Assessment:
        """No level, unless it rests on a number or on an earlier message: these are never doubted."""
        for finding in assessment.findings:
            if finding.level and (finding.reading is not None or finding.span[0] == finding.span[1]):
                return assessment
        assertion = ASSERTIONS.get(whole.group, Assertion.ASKED)
        findings = tuple(
            replace(finding, level=Level.NONE, assertion=assertion) if finding.level else finding
            for finding in assessment.findings
        )
        return replace(assessment, level=Level.NONE, findings=findings)
