"""Counts the days of the plan, and where a scan falls in the leaflets' times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from bot.dates.model import Dates


@dataclass(frozen=True)
class Entry:
    """Some days of the plan, both ends included."""

    key: str
    first: date
    last: date


def calendar(first_day: date) -> tuple[Entry, ...]:
    """The plan of one course, counted from its first day; an estimate in every entry.

    Entries, in days of the course where the first day is day 1:
        cycle_1: 1-5. hospital_1: 1-7 (6 to 7 days in hospital). break: 6-14 (7 to 9 days: leaflets differ).
        cycle_2_start: 13-15, the days on which cycle 2 may start (after 7 to 9 days). cycle_2: 15-19, after 9 days.
        hospital_2: 15-21. scan: 4 to 8 weeks after the last treatment day, which is day 17 to 19.

    Raises:
        OverflowError: when the plan goes beyond the year 9999.
    """

    def days(key: str, first: int, last: int) -> Entry:
        return Entry(key, first_day + timedelta(days=first - 1), first_day + timedelta(days=last - 1))

    return (
        days("cycle_1", 1, 5),
        days("hospital_1", 1, 7),
        days("break", 6, 14),
        days("cycle_2_start", 13, 15),
        days("cycle_2", 15, 19),
        days("hospital_2", 15, 21),
        days("scan", 17 + 4 * 7, 19 + 8 * 7),
    )


def scan_after(last_dose: date) -> Entry:
    """The days of the check scan, 4 to 8 weeks after the last dose.

    Raises:
        OverflowError: beyond the year 9999.
    """
    return Entry("scan", last_dose + timedelta(weeks=4), last_dose + timedelta(weeks=8))


def entries(dates: Dates) -> tuple[Entry, ...]:
    """What goes into the calendar file: the plan, with the scan counted from the last dose when that is known.

    Raises:
        OverflowError: beyond the year 9999.
    """
    scan = (scan_after(dates.last_dose),) if dates.last_dose else ()
    plan = calendar(dates.first_day) if dates.first_day else ()
    return (*(entry for entry in plan if not scan or entry.key != "scan"), *scan)


class Place(StrEnum):
    """Where a scan falls in a leaflet's time for reactions to contrast dye."""

    INSIDE = "inside"
    UNCLEAR = "unclear"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Windows:
    """A scan in the leaflets' times.

    Attributes:
        days: days from the last dose to the scan.
        places: for each leaflet id, where the scan falls.
    """

    days: int
    places: Mapping[str, Place]


SEVERAL_MONTHS = 6
"""Months that surely count as "several"; a leaflet gives no number, so from here to a year it is unclear."""


def scan_windows(last_dose: date, scan: date) -> Windows:
    """Place a scan with contrast dye in the times of the three leaflets that name one.

    goodrx: less than a month after the last dose. aldesleukin_iv: several months. upmc: up to a year and that day.

    Raises:
        ValueError: when the scan is before the last dose.
        OverflowError: beyond the year 9999.
    """
    if scan < last_dose:
        raise ValueError("The scan is before the last dose.")
    a_year = last_dose + relativedelta(years=1)
    several = Place.OUTSIDE
    if scan <= a_year:
        several = Place.INSIDE if scan <= last_dose + relativedelta(months=SEVERAL_MONTHS) else Place.UNCLEAR
    return Windows(
        days=(scan - last_dose).days,
        places={
            "goodrx": Place.INSIDE if scan < last_dose + relativedelta(months=1) else Place.OUTSIDE,
            "aldesleukin_iv": several,
            "upmc": Place.INSIDE if scan <= a_year else Place.OUTSIDE,
        },
    )
