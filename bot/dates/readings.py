"""From words to days: all the days that a written date may mean."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from bot.dates.cues import Tense
from bot.dates.mentions import Mention
from bot.dates.model import Kind, Problem, Role
from bot.dates.names import MONTHS, NUMBERS

FAR_YEARS = 2
"""A date further off than this is asked about."""
CLOSE_DAYS = 90
"""Said as past but this close ahead in the coming year, or the other way round: the year is asked for."""
TIE_DAYS = 30
"""Two years whose dates are about equally near to today: the year is asked for."""


def valid_day(year: int, month: int, day: int) -> date | None:
    """The day, or None when there is no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _full_year(mention: Mention, today: date) -> int:
    year = (mention.groups.get("year") or "").lstrip("'")
    return int(year) if len(year) == 4 else today.year // 100 * 100 + int(year)


def _nearest_years(month: int, day: int, role: Role | None, tense: Tense, today: date) -> tuple[date, ...]:
    """Readings of a date without a year; several when the year has to be asked for, none when there is none near."""
    years = range(today.year - 1, today.year + 2)
    near = [d for year in years if (d := valid_day(year, month, day)) and abs(d - today) <= timedelta(days=366)]
    past, ahead = [d for d in near if d < today], [d for d in near if d >= today]
    if today in ahead:
        return (today,)
    if not past or not ahead:
        if not near:
            return ()
        return (past[-1] if past else ahead[0],)
    back, on = today - past[-1], ahead[0] - today
    close = timedelta(days=CLOSE_DAYS)
    if tense is Tense.PAST:
        return (past[-1], ahead[0]) if on <= close < back else (past[-1],)
    if tense is Tense.FUTURE or role is Role.SCAN:
        return (past[-1], ahead[0]) if back <= close < on else (ahead[0],)
    if abs(back - on) < timedelta(days=TIE_DAYS):
        return (past[-1], ahead[0])
    return (past[-1] if back < on else ahead[0],)


def is_far(day: date, today: date) -> bool:
    """Whether a day is more than two years off; at the ends of the calendar everything is."""
    try:
        return not today - relativedelta(years=FAR_YEARS) <= day <= today + relativedelta(years=FAR_YEARS)
    except (ValueError, OverflowError):
        return True


def _ahead(tense: Tense, role: Role | None) -> bool | None:
    """Whether a weekday or a day of the month is ahead; None when nothing says so."""
    if tense is Tense.PAST:
        return False
    if tense in (Tense.FUTURE, Tense.PRESENT) or role is Role.SCAN:
        return True
    return None


def _weekday_readings(mention: Mention, role: Role | None, tense: Tense, today: date) -> tuple[date, ...]:
    """Readings of "Monday", "next Monday", "Monday of last week", "Monday week"."""
    weekday = mention.weekday or 0
    mod = mention.groups.get("mod") or ""
    ahead = today + timedelta(days=(weekday - today.weekday()) % 7 or 7)
    back = today - timedelta(days=(today.weekday() - weekday) % 7 or 7)
    if mention.groups.get("week") is not None:
        return (ahead + timedelta(days=7),)
    if mod in ("next", "last"):
        sign = 1 if mod == "next" else -1
        # The week may begin on Monday or on Sunday.
        by_monday = today + timedelta(days=7 * sign + weekday - today.weekday())
        by_sunday = today + timedelta(days=7 * sign + (weekday + 1) % 7 - (today.weekday() + 1) % 7)
        readings = {by_monday, by_sunday}
        if mention.groups.get("weekly") is None:
            readings.add(ahead if mod == "next" else back)
        return tuple(sorted(readings))
    if mod.endswith("coming"):
        return (ahead,)
    if mod.endswith("past"):
        return (back,)
    forward = _ahead(tense, role)
    days = (
        ((back, ahead) if forward is None else (ahead,) if forward else (back,))
        if not mod or forward is not None
        else (ahead,)
    )
    return tuple(sorted({*days, today})) if weekday == today.weekday() else days


def _day_of_month_readings(mention: Mention, role: Role | None, tense: Tense, today: date) -> tuple[date, ...]:
    """Readings of "the 5th": in the month where it comes next, or came last; none when that month has no such day."""
    day, which = mention.number("day"), mention.groups.get("which")
    month = today.replace(day=1)
    if which:
        month += relativedelta(months=1 if which == "next" else 0)
        found = valid_day(month.year, month.month, day)
        return (found,) if found else ()
    before, after = month - relativedelta(months=1), month + relativedelta(months=1)
    ahead = valid_day(month.year, month.month, day) if day >= today.day else valid_day(after.year, after.month, day)
    back = valid_day(month.year, month.month, day) if day <= today.day else valid_day(before.year, before.month, day)
    forward = _ahead(tense, role)
    wanted = (back, ahead) if forward is None else (ahead,) if forward else (back,)
    return tuple(sorted({d for d in wanted if d}))


def _offset(mention: Mention, today: date) -> date:
    named = mention.groups.get("named")
    if named:
        days = {"today": 0, "tonight": 0, "yesterday": -1}.get(named, 1)
        if "after" in named or "before" in named:
            days = 2 if "after" in named else -2
        return today + timedelta(days=days + (7 if mention.groups.get("week") is not None else 0))
    number = str(mention.groups["n"])
    unit = str(mention.groups["unit"])
    size = 1 if unit.startswith("d") else 14 if unit.startswith("f") else 7
    count = NUMBERS.get(number) or int(number)
    return today + timedelta(days=count * size * (-1 if mention.groups.get("ago") else 1))


ORDERS = {"uk": "dm", "us": "md"}


def _possible(mention: Mention) -> list[str]:
    """Day-month orders in which a numeric date exists in some year, or in its own."""
    year = mention.groups.get("year")
    checked = 2000 if not year else int(year) if len(year) == 4 else 2000 + int(year)
    a, b = mention.number("a"), mention.number("b")
    return [order for order, (day, month) in {"dm": (a, b), "md": (b, a)}.items() if valid_day(checked, month, day)]


def day_month_orders(mentions: Sequence[Mention], country: str) -> list[str]:
    """The orders to try; two mean that the patient is asked."""
    known = ORDERS.get(country)
    shown = {p[0] for m in mentions if m.kind == "numeric" and len(p := _possible(m)) == 1}
    if known:
        return [known] if shown <= {known} else ["dm", "md"]
    return sorted(shown) if len(shown) == 1 else ["dm", "md"]


def _readings(mention: Mention, role: Role | None, tense: Tense, order: str, today: date) -> tuple[date, ...]:
    """All days that a mention may mean; none when there is no such day."""
    if mention.kind == "offset":
        return (_offset(mention, today),)
    if mention.kind == "weekday":
        return _weekday_readings(mention, role, tense, today)
    if mention.kind == "day":
        return _day_of_month_readings(mention, role, tense, today)
    days = [mention.number("day")]
    if mention.kind == "numeric":
        possible = _possible(mention)
        used = order if order in possible or not possible else possible[0]
        a, b = mention.number("a"), mention.number("b")
        day, month = (a, b) if used == "dm" else (b, a)
        days = [day]
    elif mention.kind == "iso":
        month = mention.number("month")
    else:
        month = MONTHS[str(mention.groups["month"])]
        if mention.kind == "span":
            both = [*days, mention.number("day2")]
            whole = mention.groups["link"] not in ("or", "and")
            days = (
                both[:1] if whole and role is Role.FIRST_DAY else both[1:] if whole and role is Role.LAST_DOSE else both
            )
    if mention.groups.get("year"):
        found = [valid_day(_full_year(mention, today), month, d) for d in days]
        return tuple(d for d in found if d) if all(found) else ()
    yearless = [_nearest_years(month, d, role, tense, today) for d in days]
    return tuple(dict.fromkeys(itertools.chain(*yearless))) if all(yearless) else ()


@dataclass(frozen=True)
class Placed:
    """A date with its role and tense."""

    mention: Mention
    role: Role | None
    tense: Tense


def check(placed: Placed, order: str, today: date) -> tuple[tuple[date, ...], Problem | None]:
    """The readings of one date under one day-month order, or the problem with it."""
    mention, role = placed.mention, placed.role
    try:
        found = _readings(mention, role, placed.tense, order, today)
    except (OverflowError, ValueError):  # beyond the ends of the calendar
        return (), Problem(Kind.TOO_FAR, role, mention.said)
    if not found:
        return (), Problem(Kind.IMPOSSIBLE, role, mention.said)
    near = tuple(d for d in found if not is_far(d, today))
    if not near:
        return (), Problem(Kind.TOO_FAR, role, mention.said, found[0])
    weekday = mention.weekday
    if weekday is not None and mention.kind not in ("weekday", "span"):
        fitting = tuple(d for d in near if d.weekday() == weekday)
        if not fitting:
            return (), Problem(Kind.WEEKDAY, role, mention.said, near[0])
        near = fitting
    return near, None
