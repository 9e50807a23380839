"""What a sentence does with a symptom, whichever symptom it is.

In "had <symptom> last cycle" or "what if i get <symptom>" the words around the symptom tell a report from a memory or a
question. So the words of the red-flag table are masked, and a linear model over the word sequences that remain
(one to three words) learns how reports are framed. A new symptom in a known frame is then judged by its frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.terms import Terms, runs
from bot.triage.symptoms import Message

SYMPTOM, FIGURE, NUMBER, BEGIN, END = "<symptom>", "<figure>", "<number>", "<begin>", "<end>"
STRENGTH = 10.0
"""Inverse of the regularisation."""


def frame(message: Message) -> str:
    """The words of a message with its symptoms, known figures of speech and numbers masked."""
    symptoms = {index for hit in message.of("row") for index in hit.used}
    figures = {index for hit in message.of("mask") for index in range(hit.start, hit.end)}
    words = [BEGIN]
    for index, token in enumerate(message.tokens):
        word = token.word
        if index in figures:
            word = FIGURE
        elif index in symptoms:
            word = SYMPTOM
        elif word.isdigit():
            word = NUMBER
        if word not in (SYMPTOM, FIGURE) or words[-1] != word:
            words.append(word)
    return " ".join([*words, END])


def frame_terms(text: str) -> Iterable[str]:
    """Runs of one to three words and masks."""
    return runs(text.split(), 1, 3)


class FrameDetector:
    """Scores how much a frame is that of a report."""

    def __init__(self, terms: Terms, weights: npt.NDArray[np.float32], bias: float) -> None:
        """Put a detector together; ``weights`` has one entry for each term."""
        self._terms, self._weights, self._bias = terms, weights, bias

    @classmethod
    def fit(cls, frames: Sequence[str], reports: Sequence[bool]) -> FrameDetector:
        """Learn from frames and whether each is that of a report; the same data give the same model."""
        # Here, because importing it costs the server 60 MB and a second, and only training needs it.
        from sklearn.linear_model import LogisticRegression

        terms = Terms.fit(frames, (frame_terms,), min_texts=2)
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0)
        model.fit(terms.matrix(frames), np.asarray(reports))
        return cls(terms, model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def score(self, text: str) -> float:
        """The log-odds, by its words alone, that a frame is that of a report."""
        columns, values = self._terms.vector(text)
        return float(values @ self._weights[columns]) + self._bias

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into ``folder``."""
        described = {"vocabularies": self._terms.vocabularies, "bias": self._bias}
        (folder / "frames.json").write_text(json.dumps(described), encoding="utf-8")
        np.save(folder / "frame_weights.npy", self._weights, allow_pickle=False)
        np.save(folder / "frame_idf.npy", self._terms.idf, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> FrameDetector:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "frames.json").read_text(encoding="utf-8"))
        idf, weights = (np.load(folder / f"frame_{name}.npy", allow_pickle=False) for name in ("idf", "weights"))
        return cls(Terms(described["vocabularies"], idf, (frame_terms,)), weights, described["bias"])
