"""How days are counted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dates import (
    Dates,
    Place,
    calendar,
    entries,
    scan_after,
    scan_windows,
)


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
