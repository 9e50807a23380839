"""Whatever is written, nothing breaks and nothing is guessed."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.dates import (
    Dates,
    Kind,
    Role,
    answers_dates,
    compose,
    entries,
    ics,
    read,
    replies_with_date,
    write,
)
from bot.dates.names import MAX_TEXT
from tests.unit.dates.samples import TEXTS, TODAY

_PIECES = """
my last dose first day scan ct dye was is on the next Monday sun 3 31 29 10 / 3/10 31/2/2026 2026 99 2026-10-03 October
feb of and or to - , . in two weeks ago 5th today started starts will not from change may week month 0000 ٣ cycle 1st
"""
_WORDS = st.sampled_from([*_PIECES.split(), "\n"])
_TEXTS = st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=25).map(" ".join), st.lists(_WORDS).map("".join))
_COUNTRIES = st.sampled_from(["", "us", "uk"])
_TODAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))


@settings(max_examples=400, deadline=None)
@given(_TEXTS, _TODAYS, _COUNTRIES)
def test_no_text_breaks_it(text: str, today: date, country: str) -> None:
    request = read(text, today, country)
    shown, buttons = compose(request, TEXTS, country)
    assert shown
    assert isinstance(answers_dates(text), bool)
    assert isinstance(replies_with_date(text), bool)
    for day in vars(request.dates).values():
        assert day is None or abs((day - today).days) <= 731
    if not request.problems:
        assert request.first_day or (request.last_dose and request.scan)
        ics(entries(request.dates), TEXTS)
    for button in buttons:
        pressed = read(button, today, country)
        assert not pressed.problems or pressed.problems[0].kind in (Kind.ROLE, Kind.MISSING, Kind.ORDER), (
            button,
            pressed,
        )


@settings(max_examples=200, deadline=None)
@given(_TODAYS, st.integers(-700, 700), _COUNTRIES, st.sampled_from(list(Role)))
def test_a_written_date_is_read_back(today: date, days: int, country: str, role: Role) -> None:
    day = today + timedelta(days=days)
    for reader in ("", "us", "uk"):
        read_back = read(f"{role.replace('_', ' ')}: {write(day, country)}", today, reader)
        assert getattr(read_back.dates, role) == day
    assert read(day.isoformat(), today, country, asked=role).dates == Dates(**{role.value: day})


@settings(max_examples=200, deadline=None)
@given(_TODAYS, st.integers(1, 31), st.integers(1, 12))
def test_an_order_is_never_guessed(today: date, a: int, b: int) -> None:
    text = f"first day {a}/{b}/{today.year}"
    uk, us, unknown = (read(text, today, country) for country in ("uk", "us", ""))
    if not unknown.problems:
        assert unknown.first_day == uk.first_day == us.first_day
    if a <= 12 and a != b:
        assert unknown.problems[0].kind is Kind.AMBIGUOUS
        assert {uk.first_day, us.first_day} == {way.first_day for way in unknown.alternatives}


@pytest.mark.parametrize(
    "piece", ["1 ", "1/", "a week ", "the 5th ", "on monday ", "3 oct ", "and ", "my last dose ", "²"]
)
def test_only_the_head_of_a_long_message_is_read(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    assert read(text, TODAY) == read(text[:MAX_TEXT], TODAY)
    assert not answers_dates(text)


def test_it_needs_no_rasa() -> None:
    code = "import sys, bot.dates; sys.exit(any(name.split('.')[0] == 'rasa' for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)
