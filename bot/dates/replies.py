"""What the patient reads: the calendar, the scan windows, or the question that comes first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from bot.clinic import fill
from bot.dates.model import MAX_BUTTONS, Dates, Kind, Request, Role
from bot.dates.names import MONTHS, WEEKDAYS
from bot.dates.plan import calendar, entries, scan_after, scan_windows

_MONTH_NAMES = tuple(dict.fromkeys(next(n for n, v in MONTHS.items() if v == i).capitalize() for i in range(1, 13)))
_WEEKDAY_NAMES = tuple(next(n for n, v in WEEKDAYS.items() if v == i).capitalize() for i in range(7))


def write(day: date, country: str = "") -> str:
    """A date in words: "3 October 2026" for the UK, else "October 3, 2026"."""
    month = _MONTH_NAMES[day.month - 1]
    return f"{day.day} {month} {day.year:04}" if country == "uk" else f"{month} {day.day}, {day.year:04}"


def compose(request: Request, texts: Mapping[str, str], country: str = "") -> tuple[str, tuple[str, ...]]:
    """The text to show and the titles of its buttons; a pressed title is understood by ``read``.

    Placeholders that are not of this module, such as ``{team_number}``, stay for the caller.

    Raises:
        KeyError: when a text is missing; ``NAMES`` lists all.
    """
    if request.problems:
        return _question(request, texts, country)
    paragraphs = []
    pair = request.last_dose and request.scan
    if request.first_day and (Role.FIRST_DAY in request.about or not pair):
        paragraphs.append(_filled("utter_dates_calendar", texts, _plan(request, country)))
    if request.last_dose and request.scan:
        paragraphs.append(_windows_text(request.last_dose, request.scan, texts, country))
    elif request.scan:
        values = {"scan": write(request.scan, country)}
        paragraphs.append(_filled("utter_dates_missing_last_dose", texts, values))
    return "\n\n".join(paragraphs), ()


def _filled(name: str, texts: Mapping[str, str], values: Mapping[str, str]) -> str:
    return fill(texts[name].strip(), values)


def _plan(request: Request, country: str) -> dict[str, str]:
    values = {role.value: write(day, country) for role, day in request.dates.items()}
    for entry in entries(request.dates):
        values |= {f"{entry.key}_first": write(entry.first, country), f"{entry.key}_last": write(entry.last, country)}
    return values


def _windows_text(last_dose: date, scan: date, texts: Mapping[str, str], country: str) -> str:
    windows = scan_windows(last_dose, scan)
    values = {"last_dose": write(last_dose, country), "scan": write(scan, country), "days": str(windows.days)}
    values |= {leaflet: _filled(f"utter_dates_{place}", texts, {}) for leaflet, place in windows.places.items()}
    return _filled("utter_dates_scan_windows", texts, values)


def _button(dates: Dates, texts: Mapping[str, str], country: str) -> str:
    parts = [_filled(f"utter_dates_button_{role}", texts, {"date": write(day, country)}) for role, day in dates.items()]
    return ". ".join(parts)


def _question(request: Request, texts: Mapping[str, str], country: str) -> tuple[str, tuple[str, ...]]:
    problem = request.problems[0]
    values = {role.value: write(day, country) for role, day in request.dates.items()}
    values["said"] = problem.said
    if problem.day:
        values |= {"date": write(problem.day, country), "weekday": _WEEKDAY_NAMES[problem.day.weekday()]}
    buttons = tuple(_button(way, texts, country) for way in request.alternatives)
    if problem.kind is Kind.AMBIGUOUS:
        days = request.bare or tuple(getattr(way, problem.role) for way in request.alternatives if problem.role)
        buttons = buttons or tuple(write(day, country) for day in days[:MAX_BUTTONS])
        name = "utter_dates_ask_which"
        if len(buttons) == 2 and (request.bare or all(len(list(way.items())) == 1 for way in request.alternatives)):
            name = "utter_dates_ask_order"
            values |= {"first": write(days[0], country), "second": write(days[1], country)}
        return _filled(name, texts, values), buttons
    if problem.kind is Kind.MISSING:
        if problem.role is Role.SCAN and request.last_dose:
            entry = scan_after(request.last_dose)
            values |= {"scan_first": write(entry.first, country), "scan_last": write(entry.last, country)}
        known = request.scan if problem.role is Role.LAST_DOSE else request.last_dose
        name = f"utter_dates_missing_{problem.role}"
        if problem.role is not Role.FIRST_DAY and known is None:
            name = "utter_dates_missing_both"
        return _filled(name, texts, values), buttons
    if problem.kind is Kind.ORDER:
        return _filled(f"utter_dates_order_{problem.detail}", texts, values), buttons
    if problem.kind is Kind.TOO_FAR:
        values.setdefault("date", problem.said)
    return _filled(
        {Kind.ROLE: "utter_dates_ask_role"}.get(problem.kind, f"utter_dates_{problem.kind}"), texts, values
    ), buttons


NAMES = (
    *(f"utter_dates_{n}" for n in ("calendar", "scan_windows", "inside", "unclear", "outside")),
    *(f"utter_dates_{n}" for n in ("ask_order", "ask_which", "ask_role", "impossible", "too_far", "weekday")),
    *(f"utter_dates_missing_{n}" for n in ("first_day", "last_dose", "scan", "both")),
    *(f"utter_dates_order_{n}" for n in ("passed", "ahead", "scan_first", "last_dose_first")),
    *(f"utter_dates_button_{role}" for role in Role),
    *(f"utter_dates_ics_{e.key}" for e in calendar(date(2026, 1, 1))),
    "utter_dates_ics_note",
)
"""The responses that this module needs."""
