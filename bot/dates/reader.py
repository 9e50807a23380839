"""Reads the dates of a message: one reading that holds, or what has to be asked first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from bot.dates.cues import Cue, Tense, assign, find_cues, tense_of
from bot.dates.mentions import Mention, find_mentions
from bot.dates.model import MAX_BUTTONS, NOTHING, Dates, Kind, Problem, Request, Role
from bot.dates.names import normal
from bot.dates.readings import ORDERS, Placed, check, day_month_orders, is_far, valid_day


def read(
    text: str,
    today: date,
    country: str = "",
    asked: Role | None = None,
    known: Dates = NOTHING,
) -> Request:
    """Read the dates in a message.

    Args:
        text: what the patient wrote; the first 1000 characters are read.
        today: the day it is where the patient is.
        country: ``us``, ``uk`` or "" when unknown; sets the day-month order.
        asked: what a date without a word on it is, because the companion has just asked for it (``Request.asks``).
        known: dates settled earlier in the conversation; a new date replaces the old one of its role.

    Returns:
        The dates and what is to be asked. Never raises for any text.
    """
    said = normal(text)
    mentions = find_mentions(said)
    cues = find_cues(said, mentions)
    placed = _place(said, mentions, cues, asked)
    days = [p for p in placed if p.mention.kind != "vague"]
    roles = [p for p in days if p.role]
    if not roles and days:
        return _without_role(days[0], [p.mention for p in days], country, today, known)
    request = _settle(roles, country, today, known)
    if request.problems:
        return request
    vague = next((p.role for p in placed if p.mention.kind == "vague" and p.role), None)
    given = frozenset(p.role for p in roles if p.role)
    lacking = _lacking(request.dates, vague, given | {Role(c.role) for c in cues if c.role in list(Role)})
    problems = (Problem(Kind.MISSING, lacking),) if lacking else ()
    return replace(request, problems=problems, about=given)


def _place(said: str, mentions: Sequence[Mention], cues: Sequence[Cue], asked: Role | None) -> list[Placed]:
    placed = []
    for mention, cue in zip(mentions, assign(said, mentions, cues), strict=True):
        if cue and cue.role == "other":
            continue
        role = Role(cue.role) if cue and cue.role != "weak" else None
        placed.append(Placed(mention, role, tense_of(said, mention, cue, mentions)))
    if asked and not any(p.role for p in placed):
        placed = [replace(p, role=asked) for p in placed]
    return placed


def _lacking(dates: Dates, vague: Role | None, about: frozenset[Role]) -> Role | None:
    """The role whose date is to be asked for, or None when there is enough to answer."""
    if vague and not getattr(dates, vague):
        return vague
    if dates.last_dose and dates.scan:
        return None
    of_scan = bool(about & {Role.LAST_DOSE, Role.SCAN}) and Role.FIRST_DAY not in about
    if dates.first_day and not of_scan:
        return None
    if dates.last_dose:
        return Role.SCAN
    return Role.LAST_DOSE if dates.scan or of_scan else Role.FIRST_DAY


def _without_role(placed: Placed, mentions: Sequence[Mention], country: str, today: date, known: Dates) -> Request:
    """A date that nothing is said about: ask what it is, after its reading is clear."""
    options: dict[date, None] = {}
    problem: Problem | None = None
    for order in day_month_orders(mentions, country):
        found, wrong = check(placed, order, today)
        options |= dict.fromkeys(found)
        problem = problem or wrong
    if not options and problem:
        return Request(known, (problem,))
    days = tuple(options)
    if len(days) > 1:
        return Request(known, (Problem(Kind.AMBIGUOUS, None, placed.mention.said),), bare=days)
    ways = tuple(Dates(**{role.value: days[0]}) for role in Role)
    return Request(known, (Problem(Kind.ROLE, None, placed.mention.said, days[0]),), ways)


def _settle(placed: Sequence[Placed], country: str, today: date, known: Dates) -> Request:
    """One reading of all dates with a role, or the questions that lead to it."""
    orders = day_month_orders([p.mention for p in placed], country)
    ways, problems = _ways(placed, orders, today, known)
    if country in ORDERS and ways and all(map(_out_of_order, ways)):
        # Perhaps the patient writes dates as in the other country.
        orders = ["dm", "md"]
        ways, problems = _ways(placed, orders, today, known)
    if not ways:
        return Request(known, tuple(dict.fromkeys(sorted(problems, key=lambda p: list(Kind).index(p.kind)))))
    possible = ways
    consistent = tuple(way for way in ways if not _out_of_order(way))
    if len(consistent) > 1 or (consistent and len(orders) == 1):
        possible = consistent
    if len(possible) == 1:
        return _in_time(possible[0], placed, today)
    possible = tuple(sorted(possible, key=lambda way: [str(day) for _, day in way.items()]))
    same = {role.value: getattr(possible[0], role) for role in Role if _agree(possible, role)}
    unsure = next(role for role in Role if not _agree(possible, role))
    buttons = dict.fromkeys(_only(way, _said(placed, way)) for way in possible)
    return Request(Dates(**same), (Problem(Kind.AMBIGUOUS, unsure),), tuple(buttons)[:MAX_BUTTONS])


def _only(dates: Dates, roles: set[Role]) -> Dates:
    return Dates(**{role.value: day for role, day in dates.items() if role in roles})


def _ways(
    placed: Sequence[Placed], orders: Sequence[str], today: date, known: Dates
) -> tuple[tuple[Dates, ...], list[Problem]]:
    """All readings of the dates together, under each day-month order, and what is wrong with the others."""
    ways: dict[Dates, None] = {}
    problems: list[Problem] = []
    for order in orders:
        options: dict[Role, dict[date, None]] = {}
        wrong: list[Problem] = []
        for item in placed:
            found, problem = check(item, order, today)
            wrong += [problem] if problem else []
            if item.role:
                options[item.role] = options.get(item.role, {}) | dict.fromkeys(found)
        _scan_after_last_dose(placed, options, order, today, known)
        if wrong:
            problems += wrong
            continue
        for choice in itertools.product(*options.values()):
            ways.setdefault(replace(known, **{r.value: d for r, d in zip(options, choice, strict=True)}))
    return tuple(ways), problems


def _said(placed: Sequence[Placed], way: Dates) -> set[Role]:
    """The roles to write on a button: those of the message, and the known ones that go with them."""
    roles = {p.role for p in placed if p.role}
    if roles & {Role.LAST_DOSE, Role.SCAN}:
        roles |= {role for role, _ in way.items() if role is not Role.FIRST_DAY}
    return roles


def _agree(ways: Sequence[Dates], role: Role) -> bool:
    return len({getattr(way, role) for way in ways}) == 1


def _scan_after_last_dose(
    placed: Sequence[Placed], options: dict[Role, dict[date, None]], order: str, today: date, known: Dates
) -> None:
    """A scan without a year may also be the first such day after the last dose, though that has gone by."""
    scans = [p for p in placed if p.role is Role.SCAN and p.mention.yearless]
    last = list(options.get(Role.LAST_DOSE, {})) or [d for d in (known.last_dose,) if d]
    if len(scans) != 1 or not last or not options[Role.SCAN]:
        return
    for dose in last:
        for found in check(scans[0], order, dose)[0]:
            if found >= dose and not is_far(found, today):
                options[Role.SCAN].setdefault(found)


def _out_of_order(dates: Dates) -> str:
    if dates.last_dose and dates.scan and dates.scan < dates.last_dose:
        return "scan_first"
    if dates.first_day and dates.last_dose and dates.last_dose < dates.first_day:
        return "last_dose_first"
    return ""


def _in_time(dates: Dates, placed: Sequence[Placed], today: date) -> Request:
    """Check the order of the dates and that what is said as past is past."""
    wrong = _out_of_order(dates)
    if wrong:
        role = Role.SCAN if wrong == "scan_first" else Role.LAST_DOSE
        return Request(dates, (Problem(Kind.ORDER, role, day=getattr(dates, role), detail=wrong),))
    for item in placed:
        if not item.role:
            continue
        day: date = getattr(dates, item.role)
        passed = item.tense is Tense.FUTURE and day < today
        ahead = item.tense is Tense.PAST and day > today
        if passed or ahead:
            other = valid_day(day.year + (1 if passed else -1), day.month, day.day)
            days = [d for d in (day, other) if d and not is_far(d, today)]
            if item.mention.kind in ("offset", "weekday"):
                days = days[:1]
            mine = _only(dates, _said(placed, dates))
            ways = tuple(way for d in days if not _out_of_order(way := replace(mine, **{item.role.value: d})))
            detail = "passed" if passed else "ahead"
            settled = replace(dates, **{item.role.value: None})
            return Request(settled, (Problem(Kind.ORDER, item.role, item.mention.said, day, detail),), ways)
    return Request(dates)
