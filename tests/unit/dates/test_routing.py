"""Which messages ask for my dates."""

from __future__ import annotations

import pytest

from bot.dates import (
    answers_dates,
    replies_with_date,
)
from tests.unit.dates.samples import EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "my treatment starts on 3 October",
        "my first day is oct 3rd",
        "I start on 10/3/2026",
        "first dose 12/05",
        "last infusion 1 march 2026, scan with contrast 20 april, where does that fall",
        "final dose 02/10, ct booked 15/01",
        "i go in next tuesday, when would cycle 2 be",
        "can you work out my dates, day 1 is 6 July",
        "dates for my wife, she begins on the 30th",
        "my last dose was yesterday",
        "is it safe, last dose was on 3 October and my CT with dye is on 2 December",
        "First day: October 3, 2026",
        "Last dose: 3 October 2026. Scan: 2 December 2026",
        "Scan: 2 December 2026",
    ],
)
def test_dates_are_routed_here(text: str) -> None:
    assert answers_dates(text)


@pytest.mark.parametrize(
    "text",
    [
        "can I have the flu jab in October?",
        "how long is cycle 1",
        "I've had a fever since Monday",
        "it started on Monday",
        "the rash started on 3 October",
        "my last dose was on Monday and I feel dizzy",
        "my last dose was yesterday and I can't pee",
        "started bleeding today",
        "my last dose of paracetamol was today",
        "I have a scan on Monday",
        "should I go in today",
        "do i go in today",
        "at what time is dads next drip tonight",
        "what time is my treatment today",
        "can I start on Monday",
        "can i have my first dose today",
        "my first day was 3 October and I am not ok",
        "temp was 38.5 on my first day",
        "my pain was 7/10 on my first day",
        "may I have wine after treatment",
        "my last proleukin was in march and the ct is in october, does it still matter",
        "i want to end it today",
        "3 October",
        "my dates",
        "today",
        "",
    ],
)
def test_other_messages_are_not(text: str) -> None:
    assert not answers_dates(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 December", True),
        ("October 3, 2026", True),
        ("it's on the 5th", True),
        ("tomorrow", True),
        ("31 February", True),
        ("in October", True),
        ("I mean 3/10", True),
        ("next week", True),
        ("hungry again since Monday", False),
        ("I feel sick today", False),
        ("why do you ask", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_reply_to_our_question_is_a_date_and_nothing_else(text: str, expected: bool) -> None:
    assert replies_with_date(text) is expected
