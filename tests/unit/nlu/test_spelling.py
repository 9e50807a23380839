"""Typing errors are repaired towards words the companion knows; anything else is left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.spelling import Speller
from bot.words import english_words

WORDS = ["diarrhea", "nausea", "fever", "Proleukin", "aldesleukin", "infusion", "capillary", "rash", "pill", "IL-2"]


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(WORDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("diarhea", "diarrhea"),
        ("diarrea", "diarrhea"),
        ("diarrheea", "diarrhea"),
        ("nuasea", "nausea"),
        ("nausae", "nausea"),
        ("fevr", "fever"),
        ("feever", "fever"),
        ("prolukin", "proleukin"),
        ("PROLEUKN", "proleukin"),
        ("aldeslukn", "aldesleukin"),
        ("infussionn", "infusion"),
        ("cappilary", "capillary"),
    ],
)
def test_a_typing_error_becomes_the_word_that_was_meant(speller: Speller, typed: str, meant: str) -> None:
    assert speller.repair(typed) == meant


def test_words_of_text_messages_are_written_out(speller: Speller) -> None:
    assert [speller.repair(word) for word in ("wot", "Wats", "ur", "wich")] == ["what", "what's", "your", "which"]


@pytest.mark.parametrize("word", ["fever", "Fever", "NAUSEA", "proleukin"])
def test_a_known_word_stays_and_becomes_lower_case(speller: Speller, word: str) -> None:
    assert speller.repair(word) == word.lower()


@pytest.mark.parametrize("word", ["never", "fewer", "lever", "rush", "bill", "pull", "crash"])
def test_an_english_word_is_no_typing_error_however_near_it_is(speller: Speller, word: str) -> None:
    assert word in english_words()
    assert speller.repair(word) == word


@pytest.mark.parametrize(
    "word", ["rsh", "pil", "il2", "IL-2", "38.5", "5mg", "fev3r", "fe-ver", "", "?", "😀", "feverfeverfever"]
)
def test_short_words_numbers_and_signs_are_left_alone(speller: Speller, word: str) -> None:
    assert speller.repair(word) == word.lower()


@pytest.mark.parametrize("word", ["qwzx", "xylqot", "blorptang"])
def test_a_word_that_is_near_nothing_is_left_alone(speller: Speller, word: str) -> None:
    assert speller.repair(word) == word


@pytest.mark.parametrize("word", ["fvr", "fevvvr", "fiverr", "naseua"])
def test_a_short_word_with_two_errors_is_left_alone(speller: Speller, word: str) -> None:
    assert speller.repair(word) == word


def test_two_errors_are_repaired_in_long_words_alone() -> None:
    speller = Speller(["infusions", "nauseous"])
    assert speller.repair("infusoinz") == "infusions"
    assert speller.repair("nasueosu") == "nasueosu"


@pytest.mark.parametrize(
    ("one", "other"),
    [("hydroxyzine", "hydralazine"), ("prednisolone", "prednisone"), ("cetirizine", "levocetirizine")],
)
def test_a_medicine_that_is_known_is_never_taken_for_another(one: str, other: str) -> None:
    speller = Speller([one, other])
    assert (speller.repair(one), speller.repair(other)) == (one, other)


def test_nothing_is_repaired_without_a_vocabulary() -> None:
    assert Speller([]).repair("diarhea") == "diarhea"


def test_the_order_of_the_vocabulary_changes_nothing() -> None:
    typed = ["diarhea", "fevr", "nuasea", "pilll"]
    forwards, backwards = Speller(WORDS), Speller(reversed(WORDS))
    assert [forwards.repair(word) for word in typed] == [backwards.repair(word) for word in typed]


def test_what_cannot_be_repaired_towards_does_not_enter_the_vocabulary(speller: Speller) -> None:
    lower = {"diarrhea", "nausea", "fever", "proleukin", "aldesleukin", "infusion", "capillary", "rash", "pill"}
    assert speller.vocabulary == sorted(lower)


@given(st.text(max_size=30))
def test_repairing_never_raises_and_gives_the_word_or_one_of_the_vocabulary(word: str) -> None:
    speller = Speller(WORDS)
    assert speller.repair(word) in {word.lower(), *speller.vocabulary}


def test_english_has_its_words_and_not_everything() -> None:
    words = english_words()
    assert {"fever", "hospital", "the", "call"} <= words
    assert not {"diarhea", "proleukin", ""} & words
    assert len(words) > 80_000
