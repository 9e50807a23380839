"""Words and characters are weighed as scikit-learn weighs them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.terms import CHARACTERS, MIN_TEXTS, WORDS, Terms

TEXTS = [
    "can i have a flu jab",
    "is the flu jab safe during il-2",
    "how long is one infusion",
    "how long does the infusion take, and is the infusion a drip",
    "i can't stop shaking",
    "a a a jab jab jab",
] * MIN_TEXTS


@pytest.fixture(scope="module")
def terms() -> Terms:
    return Terms.fit(TEXTS)


@pytest.mark.parametrize("text", [*TEXTS[:6], "IL-2 Jab\tdrip", "zebra", "", "  "])
def test_a_vector_is_scikit_learns(terms: Terms, text: str) -> None:
    views = [
        TfidfVectorizer(sublinear_tf=True, min_df=MIN_TEXTS, ngram_range=WORDS, token_pattern=r"(?u)\b\w+\b"),
        TfidfVectorizer(sublinear_tf=True, min_df=MIN_TEXTS, ngram_range=CHARACTERS, analyzer="char_wb"),
    ]
    theirs = scipy.sparse.hstack([view.fit(TEXTS).transform([text]) for view in views]).toarray()[0]
    columns, values = terms.vector(text)
    ours = np.zeros(len(terms.idf))
    ours[columns] = values
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_matrix_holds_the_vectors_of_its_texts(terms: Terms) -> None:
    texts = ["flu jab", "zebra", "how long"]
    matrix = terms.matrix(texts)
    assert matrix.shape == (3, len(terms.idf))
    for row, text in zip(matrix, texts, strict=True):
        columns, values = terms.vector(text)
        np.testing.assert_array_equal(row.indices, columns)
        np.testing.assert_array_equal(row.data, values)


def test_rare_terms_are_left_out() -> None:
    terms = Terms.fit(["flu jab"] * MIN_TEXTS + ["zebra"] * (MIN_TEXTS - 1))
    assert terms.vocabularies[0] == ("flu", "flu jab", "jab")
