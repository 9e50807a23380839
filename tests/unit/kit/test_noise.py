"""The ways in which sentences are spoilt for the robustness figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nlu import noise

SENTENCE = "My temp is 38.2, can I take paracetamol (for IL-2)?"


@pytest.mark.parametrize("kind", noise.KINDS)
@given(text=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_any_text_is_spoilt_the_same_way_each_time(kind: str, text: str) -> None:
    assert noise.KINDS[kind](text) == noise.KINDS[kind](text)


def test_a_typo_changes_one_place_of_one_long_word() -> None:
    spoilt = noise.typo(SENTENCE)
    assert spoilt != SENTENCE
    assert abs(len(spoilt) - len(SENTENCE)) <= 1
    assert "38.2" in spoilt
    assert noise.typo("is it ok") == "is it ok"


def test_bare_text_keeps_numbers_and_words_whole() -> None:
    assert noise.bare("Well... it's 38.2 -- (IL-2)!") == "well it's 38.2 il-2"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("7", "seven"),
        ("14", "fourteen"),
        ("38.2", "thirty eight point two"),
        ("100.4", "one hundred point four"),
        ("112", "one hundred twelve"),
        ("40", "forty"),
        ("2019", "two zero one nine"),
        ("37,5", "thirty seven point five"),
    ],
)
def test_a_number_is_said_in_words(number: str, words: str) -> None:
    assert noise.spoken(number) == words


def test_dictation_leaves_no_figure_and_no_punctuation() -> None:
    heard = noise.dictated("Hi! BP 84/51 and temp 39.1?")
    assert heard.endswith("bp eighty four over fifty one and temp thirty nine point one")
    assert not set(heard) & set("0123456789?!./")
