"""What patients write, and what is asked back."""

from __future__ import annotations

from datetime import date

import pytest

from bot.dates import (
    Dates,
    Kind,
    Role,
    compose,
    read,
)
from tests.unit.dates.samples import EXAMPLE, TEXTS, TODAY


def first(text: str, country: str = "uk", today: date = TODAY) -> date | None:
    request = read(text, today, country)
    assert not request.problems, request
    return request.first_day


@pytest.mark.parametrize(
    ("country", "text", "expected"),
    [
        ("uk", "My first day is 3 October", "2026-10-03"),
        ("us", "my first day is Oct 3rd", "2026-10-03"),
        ("uk", "my first day is the 3rd of Oct", "2026-10-03"),
        ("us", "first day October 3, 2026", "2026-10-03"),
        ("us", "First day: Oct. 3, 2026", "2026-10-03"),
        ("uk", "first day 3/10", "2026-10-03"),
        ("us", "first day 3/10", "2027-03-10"),
        ("us", "my first day is 10/3/2026", "2026-10-03"),
        ("uk", "my first day is 10/3/2026", "2026-03-10"),
        ("uk", "my first day is 10/3/26", "2026-03-10"),
        ("us", "day one is 2026-10-03", "2026-10-03"),
        ("uk", "day one is 2026-10-03", "2026-10-03"),
        ("", "day one is 2026-10-03", "2026-10-03"),
        ("", "first day is 13/10", "2026-10-13"),
        ("", "first day is 12/12", "2026-12-12"),
        ("us", "first day is 13/12", "2026-12-13"),
        ("uk", "first day 14.09.2026", "2026-09-14"),
        ("uk", "first day 3-Dec-2026", "2026-12-03"),
        ("uk", "first day: 3rd dec '26", "2026-12-03"),
        ("uk", "I start 3 December 26", "2026-12-03"),
        ("uk", "i start tomorrow", "2026-11-26"),
        ("uk", "I start today", "2026-11-25"),
        ("uk", "treatment started yesterday", "2026-11-24"),
        ("uk", "starting the day after tomorrow", "2026-11-27"),
        ("uk", "I start in two weeks", "2026-12-09"),
        ("uk", "I start in a fortnight", "2026-12-09"),
        ("uk", "we begin in 10 days", "2026-12-05"),
        ("uk", "treatment started 3 weeks ago", "2026-11-04"),
        ("uk", "i start next Monday", "2026-11-30"),
        ("uk", "my treatment starts on Friday", "2026-11-27"),
        ("uk", "treatment started on Monday", "2026-11-23"),
        ("us", "starting this friday", "2026-11-27"),
        ("uk", "I start Monday week", "2026-12-07"),
        ("uk", "I start a week on Monday", "2026-12-07"),
        ("uk", "I start a week tomorrow", "2026-12-03"),
        ("uk", "I start on Monday next week", "2026-11-30"),
        ("uk", "she begins on the 5th", "2026-12-05"),
        ("uk", "I started on the 5th", "2026-11-05"),
        ("uk", "I start on the 2nd of next month", "2026-12-02"),
        ("uk", "cycle 1 starts Saturday the 5th", "2026-12-05"),
        ("uk", "I start on Thursday 3 December", "2026-12-03"),
        ("us", "I start December the twenty-first", "2026-12-21"),
        ("uk", "I start the third of December", "2026-12-03"),
        ("uk", "I start 3 decmber", "2026-12-03"),
        ("uk", "I start on 7 Janaury", "2027-01-07"),
        ("uk", "my first cycle is 3-7 December", "2026-12-03"),
        ("us", "my first cycle is December 3 to 7", "2026-12-03"),
        ("uk", "not 3 December, I start 4 December", "2026-12-04"),
        ("uk", "change my start from 3 December to 10 December", "2026-12-10"),
        ("uk", "I was born 3/10/1956 and I start on 1 December", "2026-12-01"),
        ("uk", "the ward is there 24/7, I start 3 Dec", "2026-12-03"),
        ("uk", "I go in on Sunday 4 April, when would cycle 2 be", "2027-04-04"),
        ("uk", "can you do my dates from 30/11", "2026-11-30"),
        ("uk", "wife starts 30 nov 10am", "2026-11-30"),
        ("", "Monday 7/12 is my first day", "2026-12-07"),
        ("us", "I start on February 29, 2028", "2028-02-29"),
        ("us", "I'm scheduled to start high-dose IL-2 on December 7, 2026", "2026-12-07"),
        ("uk", "He goes into hospital on the 30th of November for IL-2", "2026-11-30"),
        ("uk", "I started IL-2 2 days ago", "2026-11-23"),
    ],
)
def test_a_first_day_is_understood(country: str, text: str, expected: str) -> None:
    assert first(text, country) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("today", "text", "expected"),
    [
        ("2026-12-20", "I start on 4 January", "2027-01-04"),
        ("2027-01-04", "I started on 28 December", "2026-12-28"),
        ("2026-12-31", "I start tomorrow", "2027-01-01"),
        ("2027-12-29", "first day is 29 February", "2028-02-29"),
        ("2028-02-28", "I start tomorrow", "2028-02-29"),
        ("2027-02-28", "I start tomorrow", "2027-03-01"),
        ("2026-12-28", "I start on the 3rd", "2027-01-03"),
        ("2027-01-02", "treatment started on the 30th", "2026-12-30"),
    ],
)
def test_year_ends_and_leap_years(today: str, text: str, expected: str) -> None:
    assert first(text, today=date.fromisoformat(today)) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("country", "text", "last_dose", "scan"),
    [
        ("uk", EXAMPLE, "2026-10-03", "2026-12-02"),
        ("us", EXAMPLE, "2026-10-03", "2026-12-02"),
        ("", EXAMPLE, "2026-10-03", "2026-12-02"),
        ("uk", "On 3 October I had my last dose and on 2 December I have a CT", "2026-10-03", "2026-12-02"),
        ("uk", "I have my CT on 2 December after my last dose on 3 October", "2026-10-03", "2026-12-02"),
        ("uk", "final dose 02/10, ct booked 15/01", "2026-10-02", "2027-01-15"),
        ("us", "final dose 10/02, ct booked 01/15", "2026-10-02", "2027-01-15"),
        ("", "last dose 13/10 and scan 2/12", "2026-10-13", "2026-12-02"),
        ("us", "i had my last one on sept 28 and the dye scan is nov 30", "2026-09-28", "2026-11-30"),
        ("uk", "my scan is in two weeks and my last dose was 3 weeks ago", "2026-11-04", "2026-12-09"),
        ("uk", "I finish on 12 December and then a scan with dye on 5 January", "2026-12-12", "2027-01-05"),
        ("uk", "My scan was on 2 November and my last dose was 3 October", "2026-10-03", "2026-11-02"),
        ("uk", "Last dose: 3 October 2026. Scan: 2 December 2026", "2026-10-03", "2026-12-02"),
        ("uk", "My scan is on 2 December. I had my last dose on 3 October. Is that ok?", "2026-10-03", "2026-12-02"),
        ("uk", "3 October last dose 2 December CT scan", "2026-10-03", "2026-12-02"),
        ("uk", "finished treatment 3 October, CT with contrast 2 December", "2026-10-03", "2026-12-02"),
        (
            "us",
            "I had my last dose of IL-2 on October 3rd and I'm having a CT on December 2nd",
            "2026-10-03",
            "2026-12-02",
        ),
        ("uk", "dads last bag was monday and hes got a ct on friday", "2026-11-23", "2026-11-27"),
        ("uk", "my scan got moved from 2 to 9 December, last dose 3 October", "2026-10-03", "2026-12-09"),
        ("uk", "my scan got moved from 2 December to 9 December, last dose 3 October", "2026-10-03", "2026-12-09"),
    ],
)
def test_last_dose_and_scan_are_told_apart(country: str, text: str, last_dose: str, scan: str) -> None:
    request = read(text, TODAY, country)
    assert not request.problems
    assert request.dates == Dates(None, date.fromisoformat(last_dose), date.fromisoformat(scan))


@pytest.mark.parametrize(
    ("country", "text", "kind", "role"),
    [
        ("", "my first day is 3/10", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("", "first day 3/10/2026", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("", "3/10", Kind.AMBIGUOUS, None),
        ("us", "my scan is on 13/12, last dose 3/10", Kind.AMBIGUOUS, Role.LAST_DOSE),
        ("us", "last dose 3.10.2026 and scan 2.12.2026", Kind.AMBIGUOUS, Role.LAST_DOSE),
        ("uk", "I start on 3 or 4 December", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "I start next Friday", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "treatment started last Monday", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "first day Monday", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "my treatment starts on Wednesday", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "my treatment starts on 3 October", Kind.AMBIGUOUS, Role.FIRST_DAY),
        ("uk", "my last dose was on 3 December", Kind.AMBIGUOUS, Role.LAST_DOSE),
        ("uk", "my first day is 31 February", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("us", "first day 2/30", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("", "first day 31/2/2027", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "first day 29 February 2027", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "my treatment starts 29 February", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "I start on 31 November", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "I start on the 31st", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "first day 2026-13-01", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "my first day is 99/99/2026", Kind.IMPOSSIBLE, Role.FIRST_DAY),
        ("uk", "my last dose was 3 October 2020", Kind.TOO_FAR, Role.LAST_DOSE),
        ("uk", "first day 9999-12-31", Kind.TOO_FAR, Role.FIRST_DAY),
        ("uk", "I start in 999 weeks", Kind.TOO_FAR, Role.FIRST_DAY),
        ("uk", "I start on Monday 3 December", Kind.WEEKDAY, Role.FIRST_DAY),
        ("uk", "cycle 1 starts monday the 5th", Kind.WEEKDAY, Role.FIRST_DAY),
        ("uk", "I am starting in 2 weeks on a Monday", Kind.WEEKDAY, Role.FIRST_DAY),
        ("uk", "3 December", Kind.ROLE, None),
        ("uk", "my treatment is on 3 December", Kind.ROLE, None),
        ("uk", "my scan after my last dose is on 2 December", Kind.ROLE, None),
        ("uk", "my last dose is 5 December 2026 and my scan is 2 December 2026", Kind.ORDER, Role.SCAN),
        ("uk", "first day 3 November 2026, last dose 1 November 2026", Kind.ORDER, Role.LAST_DOSE),
        ("uk", "I started on 3 December 2026", Kind.ORDER, Role.FIRST_DAY),
        ("uk", "I started tomorrow", Kind.ORDER, Role.FIRST_DAY),
        ("uk", "I will start on 3 October 2026", Kind.ORDER, Role.FIRST_DAY),
        ("uk", "my last dose was tomorrow", Kind.ORDER, Role.LAST_DOSE),
        ("uk", "my dates", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "make me a calendar", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "I start in October", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "I start next week", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "I may start soon", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "my second cycle starts on 20 December", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "my pain was 7/10 on my first day", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "I took 1/2 a tablet on my first day", Kind.MISSING, Role.FIRST_DAY),
        ("uk", "my last dose was yesterday", Kind.MISSING, Role.SCAN),
        ("uk", "my scan is on 2 December", Kind.MISSING, Role.LAST_DOSE),
        ("uk", "my last dose was 2 months ago and the CT is tomorrow", Kind.MISSING, Role.LAST_DOSE),
        ("uk", "", Kind.MISSING, Role.FIRST_DAY),
    ],
)
def test_what_is_unsure_becomes_a_question(country: str, text: str, kind: Kind, role: Role | None) -> None:
    request = read(text, TODAY, country)
    assert request.problems
    assert (request.problems[0].kind, request.problems[0].role) == (kind, role)
    if role and kind is not Kind.ORDER:
        assert getattr(request.dates, role) is None
    shown, _ = compose(request, TEXTS, country)
    assert shown
    assert "None" not in shown


@pytest.mark.parametrize(
    ("country", "text", "buttons"),
    [
        ("", "my first day is 3/10", ("First day: October 3, 2026", "First day: March 10, 2027")),
        ("uk", "treatment started last Monday", ("First day: 16 November 2026", "First day: 23 November 2026")),
        ("uk", "my treatment starts on 3 October", ("First day: 3 October 2026", "First day: 3 October 2027")),
        ("uk", "I will start on 3 October 2026", ("First day: 3 October 2026", "First day: 3 October 2027")),
        ("uk", "3 December", ("First day: 3 December 2026", "Last dose: 3 December 2026", "Scan: 3 December 2026")),
        ("", "3/10", ("October 3, 2026", "March 10, 2027")),
        (
            "",
            "last dose 3/10 and scan 2/12",
            (
                "Last dose: October 3, 2026. Scan: December 2, 2026",
                "Last dose: March 10, 2027. Scan: February 12, 2028",
            ),
        ),
    ],
)
def test_readings_are_written_out_on_buttons(country: str, text: str, buttons: tuple[str, ...]) -> None:
    assert compose(read(text, TODAY, country), TEXTS, country)[1] == buttons


def test_the_question_names_both_readings() -> None:
    shown, _ = compose(read("first day 3/10/2026", TODAY), TEXTS, "")
    assert "Do you mean October 3, 2026 or March 10, 2026?" in shown or "March 10, 2026 or October 3, 2026?" in shown


@pytest.mark.parametrize("today", ["2027-01-10", "2027-04-01", "2026-07-01", "2026-05-05"])
def test_the_year_of_a_pair_is_asked_for_when_it_is_unsure(today: str) -> None:
    request = read(EXAMPLE, date.fromisoformat(today), "uk")
    assert request.problems[0].kind is Kind.AMBIGUOUS
    assert any((way.scan - way.last_dose).days == 60 for way in request.alternatives if way.scan and way.last_dose)


def test_a_bare_date_answers_the_question_that_was_asked() -> None:
    asked = read("my dates", TODAY, "uk").asks
    assert asked is Role.FIRST_DAY
    assert read("3 December", TODAY, "uk", asked).first_day == date(2026, 12, 3)
    before = read("my last dose was yesterday", TODAY, "uk")
    after = read("the 2nd", TODAY, "uk", before.asks, before.dates)
    assert after.dates == Dates(None, date(2026, 11, 24), date(2026, 12, 2))
    assert not after.problems


def test_a_later_message_changes_one_date() -> None:
    known = read(EXAMPLE, TODAY, "uk").dates
    moved = read("my scan is on 9 December now", TODAY, "uk", known=known)
    assert moved.dates == Dates(None, known.last_dose, date(2026, 12, 9))


def test_known_dates_are_shown_again() -> None:
    known = Dates(first_day=date(2026, 12, 3))
    shown, _ = compose(read("show my dates", TODAY, "uk", known=known), TEXTS, "uk")
    assert "3 December 2026" in shown
