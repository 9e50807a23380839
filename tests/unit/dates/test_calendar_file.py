"""The calendar file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar

from bot.dates import (
    calendar,
    ics,
)
from tests.unit.dates.samples import TEXTS


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
