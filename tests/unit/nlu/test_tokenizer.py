"""The form that the whole pipeline learns from and reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.tokenizer import cut, sentence


def form(text: str) -> str:
    return sentence(word for *_, word in cut(text))


@pytest.mark.parametrize(
    "text", ["I can't breathe", "I CAN'T BREATHE!", "i cant breathe.", "I can\u2019t breathe...", "I cannot breathe"]
)
def test_capitals_and_apostrophes_change_nothing(text: str) -> None:
    assert form(text) == "i can not breathe"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("im hot", "i am hot"),
        ("it won't stop", "it will not stop"),
        ("I ain't well", "i is not well"),
        ("he's sick", "he 's sick"),
        ("they've been told", "they have been told"),
        ("is it ok?", "is it ok ?"),
        ("It was 101.5 F?!", "it was 101.5 f ?"),
    ],
)
def test_short_forms_are_written_out(text: str, wanted: str) -> None:
    assert form(text) == wanted


def test_marks_alone_stay() -> None:
    assert [form(text) for text in ("...", "?", "")] == ["...", "?", ""]


@given(st.text(max_size=60))
def test_words_point_into_the_text(text: str) -> None:
    """Also where lower case is longer than upper case."""
    ends = 0
    for start, end, _ in cut(text):
        assert ends <= start < end <= len(text)
        ends = end
