"""My dates: what patients write, what is asked back, how days are counted, and the calendar file."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from bot import dates as module
from bot.dates import (
    NAMES,
    Dates,
    Kind,
    Place,
    Role,
    answers_dates,
    calendar,
    compose,
    entries,
    ics,
    read,
    replies_with_date,
    scan_after,
    scan_windows,
    write,
)

TODAY = date(2026, 11, 25)  # a Wednesday
EXAMPLE = "My last dose was on 3 October and my CT with dye is on 2 December"
DOMAIN = yaml.safe_load(Path("domain.yml").read_text(encoding="utf-8"))["responses"]
TEXTS = {name: DOMAIN[name][0]["text"] for name in NAMES}


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


# -- counting ----------------------------------------------------------------------------------------------------------


def test_the_calendar_counts_as_the_leaflets_do() -> None:
    start = date(2026, 10, 3)
    days = {e.key: ((e.first - start).days + 1, (e.last - start).days + 1) for e in calendar(start)}
    assert days == {
        "cycle_1": (1, 5),
        "hospital_1": (1, 7),
        "break": (6, 14),
        "cycle_2_start": (13, 15),
        "cycle_2": (15, 19),
        "hospital_2": (15, 21),
        "scan": (17 + 28, 19 + 56),
    }


@given(st.dates(date(1990, 1, 1), date(2190, 1, 1)))
def test_entries_are_ordered_and_disjoint(start: date) -> None:
    plan = calendar(start)
    assert [e.first for e in plan] == sorted(e.first for e in plan)
    assert all(e.first <= e.last for e in plan)
    by = {e.key: e for e in plan}
    for earlier, later in (
        ("cycle_1", "break"),
        ("break", "cycle_2"),
        ("hospital_1", "cycle_2_start"),
        ("cycle_2", "scan"),
    ):
        assert by[earlier].last < by[later].first
    assert by["break"].first == by["cycle_1"].last + timedelta(days=1)
    assert by["cycle_2"].first == by["break"].last + timedelta(days=1) == by["cycle_2_start"].last
    assert by["hospital_2"].last < by["scan"].first


def test_the_scan_is_counted_from_the_last_dose_when_it_is_known() -> None:
    plan = entries(Dates(date(2026, 10, 3), date(2026, 10, 20)))
    assert plan[-1] == scan_after(date(2026, 10, 20))
    assert [e.key for e in plan].count("scan") == 1
    assert entries(Dates()) == ()


@pytest.mark.parametrize(
    ("last_dose", "scan", "days", "places"),
    [
        ("2026-10-03", "2026-10-03", 0, "inside inside inside"),
        ("2026-10-03", "2026-11-02", 30, "inside inside inside"),
        ("2026-10-03", "2026-11-03", 31, "outside inside inside"),
        ("2026-10-03", "2026-12-02", 60, "outside inside inside"),
        ("2026-10-03", "2027-04-03", 182, "outside inside inside"),
        ("2026-10-03", "2027-04-04", 183, "outside unclear inside"),
        ("2026-10-03", "2027-10-03", 365, "outside unclear inside"),
        ("2026-10-03", "2027-10-04", 366, "outside outside outside"),
        ("2027-01-31", "2027-02-27", 27, "inside inside inside"),
        ("2027-01-31", "2027-02-28", 28, "outside inside inside"),
        ("2028-02-29", "2029-02-28", 365, "outside unclear inside"),
        ("2028-02-29", "2029-03-01", 366, "outside outside outside"),
        ("2026-12-20", "2027-01-10", 21, "inside inside inside"),
    ],
)
def test_scan_windows(last_dose: str, scan: str, days: int, places: str) -> None:
    windows = scan_windows(date.fromisoformat(last_dose), date.fromisoformat(scan))
    assert windows.days == days
    assert " ".join(windows.places[leaflet] for leaflet in ("goodrx", "aldesleukin_iv", "upmc")) == places


def test_a_scan_before_the_last_dose_has_no_windows() -> None:
    with pytest.raises(ValueError, match="before"):
        scan_windows(date(2026, 10, 3), date(2026, 10, 2))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 900), st.integers(0, 60))
def test_a_later_scan_is_never_further_inside(dose: date, days: int, more: int) -> None:
    rank = [Place.INSIDE, Place.UNCLEAR, Place.OUTSIDE].index
    near, far = scan_windows(dose, dose + timedelta(days)), scan_windows(dose, dose + timedelta(days + more))
    assert all(rank(near.places[name]) <= rank(far.places[name]) for name in near.places)


# -- the calendar file -------------------------------------------------------------------------------------------------


def test_the_calendar_file_reads_back() -> None:
    plan = calendar(date(2026, 12, 30))
    file = ics(plan, TEXTS, datetime(2026, 11, 25, tzinfo=UTC))
    assert file.startswith(b"BEGIN:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))
    events = Calendar.from_ical(file).walk("VEVENT")
    assert [(e["dtstart"].dt, e["dtend"].dt) for e in events] == [(p.first, p.last + timedelta(days=1)) for p in plan]
    assert all(e["dtstart"].params.get("VALUE") == "DATE" for e in events)
    assert len({e["uid"] for e in events}) == len(plan)
    assert all("your team decides" in e["summary"].lower() for e in events)


def test_the_calendar_file_is_the_same_each_time() -> None:
    stamp = datetime(2026, 11, 25, tzinfo=UTC)
    plan = calendar(date(2026, 12, 3))
    assert ics(plan, TEXTS, stamp) == ics(plan, TEXTS, stamp)
    uids = [e["uid"] for e in Calendar.from_ical(ics(plan, TEXTS)).walk("VEVENT")]
    assert uids == [e["uid"] for e in Calendar.from_ical(ics(plan, TEXTS)).walk("VEVENT")]
    assert not set(uids) & {
        e["uid"] for e in Calendar.from_ical(ics(calendar(date(2026, 12, 4)), TEXTS)).walk("VEVENT")
    }


def test_the_calendar_file_names_neither_drug_nor_person() -> None:
    file = ics(calendar(date(2026, 12, 3)), TEXTS).decode().replace("\r\n ", "").lower()
    events = file.split("begin:vevent", 1)[1]
    assert not any(
        word in events.replace("@il2-companion.invalid", "") for word in ("il-2", "il2", "proleukin", "cancer")
    )
    assert not any(field in file for field in ("attendee", "organizer", "location"))


# -- what the patient reads --------------------------------------------------------------------------------------------


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


# -- routing -----------------------------------------------------------------------------------------------------------


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


# -- any text ----------------------------------------------------------------------------------------------------------

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
def test_long_messages_take_no_time(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    read("warm up", TODAY)
    began = time.perf_counter()
    read(text, TODAY)
    answers_dates(text)
    assert time.perf_counter() - began < 1


def test_it_needs_no_rasa() -> None:
    code = "import sys, bot.dates; sys.exit(any(name.split('.')[0] == 'rasa' for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert module.__doc__
