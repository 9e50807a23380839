"""The engine of both classifiers (topics, reports): which label does a text mean, and how sure is that.

Kernel ridge regression over two views of the text: the sentence vector (meaning; cubic kernel) and TF-IDF of words and
characters (names, numbers, spellings). It has a closed form, so it trains in seconds and always gives the same model.
No Rasa import; nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

Floats = npt.NDArray[np.float32]

RIDGE = 0.1
TEXT_SHARE = 0.15
"""Weight of the TF-IDF kernel; the sentence vector has the rest."""
POWER = 3

_VIEWS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


@dataclass(frozen=True)
class Ranked:
    """A label with its score: about 1 for a text like its examples, about 0 for any other."""

    label: str
    score: float


class Ranker:
    """Rank labels for a text; build one with :meth:`fit` or :meth:`load`."""

    def __init__(
        self,
        labels: Sequence[str],
        vectorizers: dict[str, TfidfVectorizer],
        vectors: Floats,
        owners: npt.NDArray[np.int32],
        weights: Floats,
        text_weights: npt.NDArray[np.float16],
    ) -> None:
        """Put a ranker together.

        Args:
            labels: their names, ``k`` of them.
            vectorizers: one fitted TF-IDF for each view.
            vectors: sentence vectors of the ``n`` examples, (n, 384).
            owners: the label of each example, (n,).
            weights: dual weights of the examples, (n, k).
            text_weights: the TF-IDF kernel is linear, so its part of the score needs only this, (terms, k).
        """
        self.labels = tuple(labels)
        self._vectorizers, self._vectors, self._owners = vectorizers, vectors, owners
        self._weights, self._text_weights = weights, text_weights

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
        owners = np.asarray([index[label] for label in labels], dtype=np.int32)
        vectorizers = {
            view: TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32, **settings).fit(texts)
            for view, settings in _VIEWS.items()
        }
        features = _features(vectorizers, texts)
        vectors = vectors.astype(np.float16).astype(np.float32)  # as they are stored

        gram = (1 - TEXT_SHARE) * _meaning(vectors @ vectors.T)
        _add_lower(gram, features, TEXT_SHARE / len(_VIEWS))
        # A label with many examples must not win by their number.
        sizes = np.bincount(owners)[owners]
        gram[np.diag_indices_from(gram)] += RIDGE * sizes / np.mean(np.sqrt(sizes)) ** 2
        target = np.zeros((len(owners), len(names)), dtype=np.float32)
        target[np.arange(len(owners)), owners] = 1
        factor = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
        weights = scipy.linalg.cho_solve(factor, target, overwrite_b=True, check_finite=False)
        weights = weights.astype(np.float16).astype(np.float32)
        text_weights = (features.T @ weights).astype(np.float16)
        return cls(names, vectorizers, vectors, owners, weights, text_weights)

    def scores(self, text: str, vector: Floats) -> Floats:
        """The score of every label for a text and its sentence vector, in the order of :attr:`labels`."""
        cosines = self._vectors @ vector
        features = _features(self._vectorizers, [text])
        from_text = features.data @ self._text_weights[features.indices].astype(np.float32)
        scores = (1 - TEXT_SHARE) * (_meaning(cosines) @ self._weights) + TEXT_SHARE / len(_VIEWS) * from_text
        return np.asarray(scores, dtype=np.float32)

    def rank(self, text: str, vector: Floats) -> list[Ranked]:
        """All labels for a text and its sentence vector, highest score first."""
        scores = self.scores(text, vector)
        return [Ranked(self.labels[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")]

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into ``folder``."""
        vocabularies = {
            view: sorted(v.vocabulary_, key=v.vocabulary_.__getitem__) for view, v in self._vectorizers.items()
        }
        described = {
            "labels": self.labels,
            "vocabularies": vocabularies,
        }
        (folder / "ranker.json").write_text(json.dumps(described), encoding="utf-8")
        arrays = {
            "vectors": self._vectors,
            "weights": self._weights,
            "text_weights": self._text_weights,
            "owners": self._owners,
            **{f"idf_{view}": v.idf_ for view, v in self._vectorizers.items()},
        }
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "ranker.json").read_text(encoding="utf-8"))

        def array(name: str) -> Any:
            # Mapped, not read: of the largest array a message needs a few rows.
            return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

        vectorizers = {}
        for view, terms in described["vocabularies"].items():
            vocabulary = {term: i for i, term in enumerate(terms)}
            vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, vocabulary=vocabulary, **_VIEWS[view])
            vectorizer.idf_ = np.array(array(f"idf_{view}"))
            vectorizers[view] = vectorizer
        parts = (array(name) for name in ("vectors", "owners", "weights", "text_weights"))
        return cls(described["labels"], vectorizers, *parts)


def _features(vectorizers: dict[str, TfidfVectorizer], texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    return scipy.sparse.hstack([v.transform(texts) for v in vectorizers.values()], format="csr")


def _add_lower(gram: Floats, features: scipy.sparse.csr_matrix, weight: float, blocks: int = 16) -> None:
    """Add the features' dot products to the lower triangle, which is all that the factorisation reads."""
    edges = np.linspace(0, len(gram), blocks + 1, dtype=int)

    def add(begin: int, end: int) -> None:
        gram[begin:end, :end] += weight * (features[begin:end] @ features[:end].T).toarray()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add, edges[:-1], edges[1:]))


def _meaning(cosines: Floats) -> Floats:
    return np.asarray(((1 + cosines) / 2) ** POWER, dtype=np.float32)
