"""What the patient reads."""

from __future__ import annotations

from datetime import date

import pytest

from bot.dates import (
    NAMES,
    Role,
    compose,
    read,
    write,
)
from tests.unit.dates.samples import EXAMPLE, TEXTS, TODAY


@pytest.mark.parametrize(
    ("country", "expected"), [("us", "October 3, 2026"), ("", "October 3, 2026"), ("uk", "3 October 2026")]
)
def test_dates_are_written_for_the_country(country: str, expected: str) -> None:
    assert write(date(2026, 10, 3), country) == expected


def test_the_answer_places_the_scan_in_each_window() -> None:
    shown, buttons = compose(read(EXAMPLE, TODAY, "uk"), TEXTS, "uk")
    assert not buttons
    assert all(part in shown for part in ("3 October 2026", "2 December 2026", "60"))
    assert (shown.count("outside"), shown.count("inside")) == (1, 2)


def test_all_three_dates_give_calendar_and_windows() -> None:
    shown, _ = compose(read("started 1 November, last dose 20 November, CT 5 January", TODAY, "us"), TEXTS, "us")
    assert "November 1, 2026" in shown
    assert "46" in shown
    assert "December 18, 2026" in shown  # the scan's weeks are counted from the last dose


def test_a_first_day_and_a_scan_ask_for_the_last_dose() -> None:
    request = read("I start on 1 December and my scan is 20 January", TODAY, "uk")
    assert request.asks is Role.LAST_DOSE
    assert TEXTS["utter_dates_missing_last_dose"].strip()[:20] in compose(request, TEXTS, "uk")[0]


def test_every_text_is_there_and_leaves_the_decision_to_the_team() -> None:
    for name in NAMES:
        if not name.startswith(
            ("utter_dates_button", "utter_dates_inside", "utter_dates_unclear", "utter_dates_outside")
        ):
            assert "our team decides" in TEXTS[name], name


def test_no_placeholder_is_left() -> None:
    for text in (
        "I start on 1 December",
        EXAMPLE,
        "my dates",
        "3/10",
        "3 December",
        "31 February",
        "my scan is 2 December",
    ):
        shown, buttons = compose(read(text, TODAY), TEXTS)
        assert "{" not in shown.replace("{team_number}", "") + "".join(buttons)
