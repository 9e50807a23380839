"""The engine of the topic classifier: which of some hundred labels does a text mean, and how sure is that.

Two views of the text vote with equal weight, each with its own balanced logistic regression: TF-IDF of words and
characters (names, numbers and spellings) and the sentence vector (meaning). A label's confidence is
``sqrt(probability * cosine to the nearest training example of that label)``: a high probability alone says only that
the other labels fit worse. No Rasa import; nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float32]

_VIEWS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


@dataclass(frozen=True)
class Ranked:
    """A label with its confidence in [0, 1]."""

    label: str
    confidence: float


def _vectorizer(view: str) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32, **_VIEWS[view])


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum(), dtype=np.float32)


class Ranker:
    """Rank labels for a text; build one with :meth:`fit` or :meth:`load`."""

    def __init__(
        self,
        labels: Sequence[str],
        vectorizers: dict[str, TfidfVectorizer],
        text_weights: tuple[Floats, Floats],
        vector_weights: tuple[Floats, Floats],
        examples: Floats,
        example_labels: npt.NDArray[np.int32],
    ) -> None:
        """Put a ranker together from its parts; weights are (coefficients, intercepts) per label."""
        self.labels = tuple(labels)
        self._vectorizers = vectorizers
        self._text_weights = text_weights
        self._vector_weights = vector_weights
        self._examples = examples
        self._example_labels = example_labels

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Floats, labels: Sequence[str]) -> Ranker:
        """Learn from texts, their sentence vectors (n, 384) and their labels.

        Raises:
            ValueError: when there are fewer than two labels.
        """
        names = sorted(set(labels))
        if len(names) < 2:
            raise ValueError(f"The topic classifier needs at least two labels, got {names}.")
        index = {name: i for i, name in enumerate(names)}
        y = np.asarray([index[label] for label in labels], dtype=np.int32)

        vectorizers = {view: _vectorizer(view) for view in _VIEWS}
        features = scipy.sparse.hstack([v.fit_transform(texts) for v in vectorizers.values()]).tocsr()
        from_text = _fit_logistic(features, y, c=10.0)
        from_vector = _fit_logistic(vectors, y, c=30.0)
        return cls(names, vectorizers, from_text, from_vector, vectors.astype(np.float32), y)

    def rank(self, text: str, vector: Floats) -> list[Ranked]:
        """All labels for a text and its sentence vector, most confident first."""
        features = scipy.sparse.hstack([v.transform([text]) for v in self._vectorizers.values()]).tocsr()
        coefficients, intercepts = self._text_weights
        from_text = _softmax((features @ coefficients.T)[0] + intercepts)
        coefficients, intercepts = self._vector_weights
        from_vector = _softmax(coefficients @ vector + intercepts)
        probability = (from_text + from_vector) / 2

        cosine = np.zeros(len(self.labels), dtype=np.float32)
        np.maximum.at(cosine, self._example_labels, self._examples @ vector)
        confidence = np.sqrt(probability * np.clip(cosine, 0, 1))
        order = np.argsort(-confidence, kind="stable")
        return [Ranked(self.labels[i], float(confidence[i])) for i in order]

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into ``folder``."""
        vocabularies = {view: _export_vocabulary(v) for view, v in self._vectorizers.items()}
        described = {"labels": self.labels, "vocabularies": vocabularies}
        (folder / "ranker.json").write_text(json.dumps(described), encoding="utf-8")
        np.savez_compressed(
            folder / "ranker.npz",
            text_coefficients=self._text_weights[0].astype(np.float16),
            text_intercepts=self._text_weights[1],
            vector_coefficients=self._vector_weights[0],
            vector_intercepts=self._vector_weights[1],
            examples=self._examples.astype(np.float16),
            example_labels=self._example_labels,
            **{f"idf_{view}": v.idf_ for view, v in self._vectorizers.items()},
        )

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "ranker.json").read_text(encoding="utf-8"))
        with np.load(folder / "ranker.npz", allow_pickle=False) as arrays:
            vectorizers = {}
            for view, terms in described["vocabularies"].items():
                vectorizer = TfidfVectorizer(
                    sublinear_tf=True,
                    dtype=np.float32,
                    vocabulary={term: i for i, term in enumerate(terms)},
                    **_VIEWS[view],
                )
                vectorizer.idf_ = arrays[f"idf_{view}"]
                vectorizers[view] = vectorizer
            return cls(
                described["labels"],
                vectorizers,
                (arrays["text_coefficients"].astype(np.float32), arrays["text_intercepts"]),
                (arrays["vector_coefficients"], arrays["vector_intercepts"]),
                arrays["examples"].astype(np.float32),
                arrays["example_labels"],
            )


def _export_vocabulary(vectorizer: TfidfVectorizer) -> list[str]:
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)


def _fit_logistic(features: Any, y: npt.NDArray[np.int32], c: float) -> tuple[Floats, Floats]:
    model = LogisticRegression(C=c, class_weight="balanced", solver="lbfgs", max_iter=150, tol=1e-3)
    model.fit(features, y)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.r_[-intercepts, intercepts]
    return coefficients.astype(np.float32), intercepts.astype(np.float32)
