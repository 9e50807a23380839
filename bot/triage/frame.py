"""What a sentence does with a symptom, whichever symptom it is.

In "had <symptom> last cycle" or "what if i get <symptom>" the words around the symptom tell a report from a memory or a
question. So the words of the red-flag table are masked, and a linear model over the word sequences that remain
(one to three words) learns how reports are framed. A new symptom in a known frame is then judged by its frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

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


class FrameDetector:
    """Scores how much a frame is that of a report."""

    def __init__(self, vectorizer: TfidfVectorizer, weights: npt.NDArray[np.float32], bias: float) -> None:
        """Put a detector together; ``weights`` has one entry for each term of ``vectorizer``."""
        self._vectorizer, self._weights, self._bias = vectorizer, weights, bias

    @classmethod
    def fit(cls, frames: Sequence[str], reports: Sequence[bool]) -> FrameDetector:
        """Learn from frames and whether each is that of a report; the same data give the same model."""
        vectorizer = _vectorizer(min_df=2)
        features = vectorizer.fit_transform(frames)
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0)
        model.fit(features, np.asarray(reports))
        return cls(vectorizer, model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def score(self, text: str) -> float:
        """The log-odds, by its words alone, that a frame is that of a report."""
        features = self._vectorizer.transform([text])
        return float(features.data @ self._weights[features.indices]) + self._bias

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into ``folder``."""
        terms = sorted(self._vectorizer.vocabulary_, key=self._vectorizer.vocabulary_.__getitem__)
        described = {"terms": terms, "bias": self._bias}
        (folder / "frames.json").write_text(json.dumps(described), encoding="utf-8")
        np.save(folder / "frame_weights.npy", self._weights, allow_pickle=False)
        np.save(folder / "frame_idf.npy", self._vectorizer.idf_, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> FrameDetector:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "frames.json").read_text(encoding="utf-8"))
        vectorizer = _vectorizer(vocabulary={term: index for index, term in enumerate(described["terms"])})
        vectorizer.idf_ = np.load(folder / "frame_idf.npy", allow_pickle=False)
        return cls(vectorizer, np.load(folder / "frame_weights.npy", allow_pickle=False), described["bias"])


def _vectorizer(**settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, token_pattern=r"\S+", lowercase=False, **settings)
