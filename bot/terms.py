"""TF-IDF of words and characters: the view of a text that keeps names, numbers and spellings.

The same weights as scikit-learn's ``TfidfVectorizer`` with ``sublinear_tf`` (a test compares them). Written out here,
because importing scikit-learn costs the server 60 MB and a second at every start.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

WORDS = (1, 2)
"""Shortest and longest run of words that is a term."""
CHARACTERS = (2, 5)
"""Shortest and longest run of characters within a word, a space at each end included."""
MIN_TEXTS = 4
"""Texts that must hold a term; rarer ones cost memory and say little."""

_WORD = re.compile(r"(?u)\b\w+\b")


View = Callable[[str], Iterable[str]]
"""Gives the terms of a text, each as often as it occurs."""


def runs(words: Sequence[str], shortest: int, longest: int) -> Iterable[str]:
    """Runs of so many words, joined by spaces."""
    for length in range(shortest, longest + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def word_terms(text: str) -> Iterable[str]:
    """Runs of words."""
    return runs(_WORD.findall(text.lower()), *WORDS)


def character_terms(text: str) -> Iterable[str]:
    """Runs of characters; a word that is shorter than a run is one term."""
    for word in text.lower().split():
        padded = f" {word} "
        for length in range(CHARACTERS[0], CHARACTERS[1] + 1):
            yield from (padded[start : start + length] for start in range(max(1, len(padded) - length + 1)))
            if length >= len(padded):
                break


VIEWS: tuple[View, ...] = (word_terms, character_terms)


class Terms:
    """All views of a text as one sparse vector; each view has length 1."""

    def __init__(self, vocabularies: Sequence[Sequence[str]], idf: Floats, views: Sequence[View] = VIEWS) -> None:
        """Take the terms of each view in the order of their columns, and the weight of every column, (terms,)."""
        self.vocabularies, self.idf, self._views = tuple(map(tuple, vocabularies)), idf, tuple(views)
        self._columns: list[dict[str, int]] = []
        first = 0
        for vocabulary in self.vocabularies:
            self._columns.append({term: first + i for i, term in enumerate(vocabulary)})
            first += len(vocabulary)

    @classmethod
    def fit(cls, texts: Sequence[str], views: Sequence[View] = VIEWS, min_texts: int = MIN_TEXTS) -> Terms:
        """Learn the vocabulary and its weights; a term must stand in ``min_texts`` texts."""
        vocabularies, idf = [], []
        for view in views:
            uses: Counter[str] = Counter()
            for text in texts:
                uses.update(set(view(text)))
            vocabulary = sorted(term for term, count in uses.items() if count >= min_texts)
            vocabularies.append(vocabulary)
            idf += [math.log((1 + len(texts)) / (1 + uses[term])) + 1 for term in vocabulary]
        return cls(vocabularies, np.asarray(idf, dtype=np.float32), views)

    def vector(self, text: str) -> tuple[Indices, Floats]:
        """Columns and values of the text's terms, in the order of the columns."""
        columns: list[int] = []
        values: list[float] = []
        for view, known in zip(self._views, self._columns, strict=True):
            counts = Counter(column for term in view(text) if (column := known.get(term)) is not None)
            weights = {column: (1 + math.log(count)) * float(self.idf[column]) for column, count in counts.items()}
            length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
            for column in sorted(weights):
                columns.append(column)
                values.append(weights[column] / length)
        return np.asarray(columns, dtype=np.int32), np.asarray(values, dtype=np.float32)

    def matrix(self, texts: Sequence[str]) -> scipy.sparse.csr_matrix:
        """The vectors of many texts, (texts, terms)."""
        columns: list[int] = []
        counts: list[int] = []
        ends = []
        for text in texts:
            for view, known in zip(self._views, self._columns, strict=True):
                found = Counter(column for term in view(text) if (column := known.get(term)) is not None)
                columns += found.keys()
                counts += found.values()
                ends.append(len(columns))
        values = (1 + np.log(counts)) * self.idf[np.asarray(columns, dtype=np.int32)]
        # One row for each view of a text first, to give each its length of 1; then those of a text together.
        pointers = np.asarray([0, *ends])
        squares = np.concatenate([[0.0], np.cumsum(values**2)])
        lengths = np.sqrt(squares[pointers[1:]] - squares[pointers[:-1]])
        values /= np.repeat(lengths, np.diff(pointers))
        shape = (len(texts), len(self.idf))
        matrix = scipy.sparse.csr_matrix((values.astype(np.float32), columns, pointers[:: len(self._views)]), shape)
        matrix.sort_indices()
        return matrix
