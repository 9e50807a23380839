"""Splitting on borders that a reader sees, and choices by number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.outgoing import chosen, numbered, size, split


def test_a_text_that_fits_stays_whole() -> None:
    assert split("One. Two.", 9) == ["One. Two."]
    assert split("  ", 9) == []


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("First part here.\n\nSecond part here.", 25, ["First part here.", "Second part here."]),
        ("Line number one\nline number two", 20, ["Line number one", "line number two"]),
        ("One sentence. Another sentence.", 20, ["One sentence.", "Another sentence."]),
        ("words without any end of a sentence", 20, ["words without any", "end of a sentence"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("Call 911. Tell them 38.5 degrees now.", 30, ["Call 911.", "Tell them 38.5 degrees now."]),
    ],
)
def test_the_cut_is_at_the_best_border(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit) == parts


@given(st.text(max_size=300), st.integers(min_value=2, max_value=60))
def test_no_part_is_too_long_and_no_sign_is_lost(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < size(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_an_emoji_counts_twice() -> None:
    assert size("a🤒") == 3
    assert split("🤒🤒🤒", 4) == ["🤒🤒", "🤒"]


def test_choices_are_numbered_from_where_the_last_ended() -> None:
    assert numbered("Where?", ["Home", "Hospital"], "Reply:", 1) == "Where?\n\nReply:\n1 Home\n2 Hospital"
    assert numbered("", ["Home"], "Reply:", 3) == "Reply:\n3 Home"
    assert numbered("Where?", [], "Reply:") == "Where?"


@pytest.mark.parametrize(
    "text", ["2", " 2 ", "2.", "(2)", "#2", "option 2", "Option: 2", "number 2!", "2\ufe0f\u20e3", "no. 2"]
)
def test_a_number_is_a_choice(text: str) -> None:
    assert chosen(text, ["Home", "Hospital"]) == "Hospital"


@pytest.mark.parametrize("text", ["", "3", "0", "39", "2 tablets", "at 2", "2 3", "-", "two", "1000", "²", "38.5"])
def test_anything_else_is_none(text: str) -> None:
    assert chosen(text, ["Home", "Hospital"]) is None
    assert chosen("1", []) is None
