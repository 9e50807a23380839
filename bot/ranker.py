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
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from bot.terms import MIN_TEXTS, VIEWS, Terms

Floats = npt.NDArray[np.float32]

RIDGE = 0.1
OFTEN = 0.02
"""Share of the texts from which a term counts as frequent."""
TEXT_SHARE = 0.15
"""Weight of the TF-IDF kernel; the sentence vector has the rest."""


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
        terms: Terms,
        vectors: Floats,
        weights: Floats,
        text_weights: npt.NDArray[np.float16],
    ) -> None:
        """Put a ranker together.

        Args:
            labels: their names, ``k`` of them.
            terms: the fitted TF-IDF.
            vectors: sentence vectors of the ``n`` examples, (n, 384).
            weights: dual weights of the examples, (n, k).
            text_weights: the TF-IDF kernel is linear, so its part of the score needs only this, (terms, k).
        """
        self.labels = tuple(labels)
        self._terms, self._vectors = terms, vectors
        self._weights, self._text_weights = weights, text_weights

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Floats, labels: Sequence[str], min_texts: int = MIN_TEXTS) -> Ranker:
        """Learn from texts, their sentence vectors (n, 384) and their labels; for ``min_texts`` see :class:`Terms`.

        Raises:
            ValueError: when there are fewer than two labels.
        """
        names = sorted(set(labels))
        if len(names) < 2:
            raise ValueError(f"The topic classifier needs at least two labels, got {names}.")
        index = {name: i for i, name in enumerate(names)}
        owners = np.asarray([index[label] for label in labels], dtype=np.int32)
        terms = Terms.fit(texts, min_texts=min_texts)
        features = terms.matrix(texts)
        vectors = _as_stored(vectors)

        gram = _gram(vectors, features)
        # A label with many examples must not win by their number.
        sizes = np.bincount(owners)[owners]
        gram[np.diag_indices_from(gram)] += RIDGE * sizes / np.mean(np.sqrt(sizes)) ** 2
        target = np.zeros((len(owners), len(names)), dtype=np.float32)
        target[np.arange(len(owners)), owners] = 1
        # LAPACK's order of rows and columns is the other one: the lower triangle is its upper one, and needs no copy.
        factor = scipy.linalg.cho_factor(gram.T, lower=False, overwrite_a=True, check_finite=False)
        weights = _as_stored(scipy.linalg.cho_solve(factor, target, overwrite_b=True, check_finite=False))
        text_weights = (features.T @ weights).astype(np.float16)
        return cls(names, terms, vectors, weights, text_weights)

    def scores(self, text: str, vector: Floats) -> Floats:
        """The score of every label for a text and its sentence vector, in the order of :attr:`labels`."""
        cosines = self._vectors @ vector
        columns, values = self._terms.vector(text)
        from_text = values @ self._text_weights[columns].astype(np.float32)
        scores = (1 - TEXT_SHARE) * (_meaning(cosines) @ self._weights) + TEXT_SHARE / len(VIEWS) * from_text
        return np.asarray(scores, dtype=np.float32)

    def rank(self, text: str, vector: Floats) -> list[Ranked]:
        """All labels for a text and its sentence vector, highest score first."""
        scores = self.scores(text, vector)
        return [Ranked(self.labels[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")]

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into ``folder``."""
        described = {"labels": self.labels, "vocabularies": self._terms.vocabularies}
        (folder / "ranker.json").write_text(json.dumps(described), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {
            "vectors": self._vectors.astype(np.float16),
            "weights": self._weights.astype(np.float16),
            "text_weights": self._text_weights,
            "idf": self._terms.idf,
        }
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "ranker.json").read_text(encoding="utf-8"))

        def array(name: str, mode: Literal["r"] | None = None) -> Any:
            return np.load(folder / f"{name}.npy", mmap_mode=mode, allow_pickle=False)

        vectors, weights = (array(name).astype(np.float32) for name in ("vectors", "weights"))
        # Mapped, not read: of the largest array a message needs a few rows.
        text_weights = array("text_weights", "r")
        terms = Terms(described["vocabularies"], array("idf"))
        return cls(described["labels"], terms, vectors, weights, text_weights)


def _as_stored(values: Floats) -> Floats:
    return values.astype(np.float16).astype(np.float32)


def _gram(vectors: Floats, features: scipy.sparse.csr_matrix, blocks: int = 16) -> Floats:
    """The kernel of all pairs, (n, n): the lower triangle, which is all that the factorisation reads."""
    gram = np.zeros((len(vectors), len(vectors)), dtype=np.float32)
    edges = np.linspace(0, len(gram), blocks + 1, dtype=int)
    # What a term costs a sparse product grows with the square of its uses: the few that are everywhere go dense.
    often = np.bincount(features.indices, minlength=features.shape[1]) > OFTEN * len(gram)
    dense, sparse = features[:, often].toarray(), features[:, ~often]

    def fill(begin: int, end: int) -> None:
        block = gram[begin:end, :end]
        block += dense[begin:end] @ dense[:end].T
        block += (sparse[begin:end] @ sparse[:end].T).toarray()
        block *= TEXT_SHARE / len(VIEWS)
        meaning = _meaning(vectors[begin:end] @ vectors[:end].T)
        meaning *= 1 - TEXT_SHARE
        block += meaning

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, edges[:-1], edges[1:]))
    return gram


def _meaning(cosines: Floats) -> Floats:
    """The cubic kernel ((1 + cosine) / 2)³; multiplied out, because a power is ten times slower."""
    half = cosines + np.float32(1)
    half *= np.float32(0.5)
    cube = half * half
    cube *= half
    return cube
