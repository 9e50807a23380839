"""The plan as a calendar file."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from bot.dates.plan import Entry

_NAMESPACE = uuid.UUID("6f1c2a52-5c39-5bd4-9a52-0f6f2b1d7c11")


def ics(plan: Iterable[Entry], texts: Mapping[str, str], stamp: datetime | None = None) -> bytes:
    """An iCalendar file (RFC 5545) with one all-day event for each entry.

    No personal data and no name of the drug: a phone shows titles on its lock screen. The same entry has the same UID,
    so a file opened twice adds nothing.

    Args:
        plan: from ``entries`` or ``calendar``.
        texts: the responses; ``utter_dates_ics_<key>`` is an event's title, ``utter_dates_ics_note`` its description.
        stamp: the time of making, in UTC; now when None.

    Raises:
        KeyError: when a text is missing.
        OverflowError: beyond the year 9999.
    """
    made = Calendar()
    made.add("prodid", "-//IL-2 Companion//My dates//EN")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    for entry in plan:
        event = Event()
        event.add("uid", f"{uuid.uuid5(_NAMESPACE, f'{entry.key} {entry.first} {entry.last}')}@il2-companion.invalid")
        event.add("dtstamp", stamp or datetime.now(UTC))
        event.add("dtstart", entry.first)
        event.add("dtend", entry.last + timedelta(days=1))
        event.add("summary", texts[f"utter_dates_ics_{entry.key}"].strip())
        event.add("description", texts["utter_dates_ics_note"].strip())
        event.add("status", "TENTATIVE")
        event.add("transp", "TRANSPARENT")
        event.add("class", "PRIVATE")
        made.add_component(event)
    return bytes(made.to_ical())
