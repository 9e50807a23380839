"""All readings of a message, and the reading in a bare answer ("its 101 now")."""

from __future__ import annotations

from bot.triage.model import Reading
from bot.triage.readings import counts, temperature, vitals, weight
from bot.triage.readings.levels import level_of
from bot.triage.readings.parts import (
    CUE_KINDS,
    Page,
    blocked,
    cues_of,
    inside,
    make_reading,
)
from bot.triage.readings.sheet import Sheet, lay_out
from bot.triage.readings.units import CANONICAL, convert
from bot.triage.readings.vocabulary import vocabulary

_BARE_TOKENS = 12


def find_readings(text: str) -> tuple[Reading, ...]:
    """Every body reading in a message, in the order of the text.

    What is found is independent of whether it is said to be now, past, asked or denied; that is
    judged elsewhere. Numbers that are no body reading (weather, ages, rooms, doses, prices, dates)
    give none.

    Args:
        text: the message exactly as sent; any string, never an error.

    Returns:
        Readings in canonical units (``units.CANONICAL``); ``normal`` is True within the harmless
        range, False where the reading carries a level, None where nothing can be said. A weight
        change is signed. The span of a count, of urine and of "not peed for 9 hours" takes in the
        words that say what was counted.
    """
    sheet = lay_out(text)
    if not sheet.tokens:
        return ()
    page = Page(sheet)
    cues = cues_of(sheet)
    vitals.find_pressure_pairs(page, cues)
    vitals.find_off_scale(page)
    weight.find_one_figure(page)
    counts.find_urine(page)
    counts.find_counts(page)
    vitals.find_cued(page, cues)
    temperature.find(page, cues)
    temperature.find_series(page, cues)
    counts.find_durations(page)
    weight.find_two_weights(page, cues)
    weight.find_without_unit(page, cues)
    weight.find_bare_amount(page)
    return tuple(sorted(page.readings, key=lambda r: r.span))


def bare_reading(text: str, kind: str) -> Reading | None:
    """The reading in a message that is little more than a number, for a kind already talked about.

    Args:
        text: "38.9", "102", "its 101 now", "one oh two", "HI" ...
        kind: a kind of ``units.CANONICAL``. For a count the caller knows what was counted; the
            reading's text holds no such word, so ``level_of`` gives no level for it.

    Returns:
        The most urgent reading of that kind, the later one among equals; None where the message
        is long, speaks of something else, or holds no plausible number.
    """
    if kind not in CANONICAL:
        return None
    sheet = lay_out(text)
    found = [r for r in find_readings(text) if r.kind == kind]
    if not found and len(sheet.tokens) <= _BARE_TOKENS:
        other = {c.kind for c in cues_of(sheet)} & (set(CUE_KINDS) - {kind, "weight"})
        if not other or kind in ("duration", "count", "urine"):
            found = _bare_candidates(sheet, kind)
    if not found:
        return None
    worst = max(level_of(r)[0] for r in found)
    return [r for r in found if level_of(r)[0] == worst][-1]


def _bare_candidates(sheet: Sheet, kind: str) -> list[Reading]:
    if kind == "sugar":
        mark = {t.norm for t in sheet.tokens} & {"hi", "lo", "high", "low"}
        if len(sheet.tokens) <= 4 and mark and not any(t.number for t in sheet.tokens):
            name = "meter_hi_mmol" if mark & {"hi", "high"} else "meter_lo_mmol"
            value = vocabulary().number("plausible", name)
            return [make_reading(kind, value, sheet.text, (0, len(sheet.text)))]
    if kind == "weight_change":
        return _worded(sheet, "weight up ", kind) or _worded(sheet, "weight up ", kind, " lb")
    if kind == "duration":
        return _worded(sheet, "for ", kind)
    if kind == "urine":
        return _worded(sheet, "peed ", kind) or _worded(sheet, "peed ", kind, " ml")
    if kind == "count":
        return _times(sheet)
    found = []
    skip = -1
    for index, token in enumerate(sheet.tokens):
        number = token.number
        if number is None or index <= skip or number.form != "#":
            continue
        if blocked(sheet, index, ages=False) and not (kind == "oxygen" and sheet.norm(index + 1) == "%"):
            continue
        value, end = number.value, index
        if kind == "temperature":
            if number.with_tail is not None and temperature.to_celsius(number.with_tail, wide=False):
                value, end = number.with_tail, index + 1
            canonical = temperature.to_celsius(value, wide=True)
        else:
            canonical = vitals.plausible(kind, value)
        if canonical is None:
            continue
        skip = end
        first, last = sheet.characters(index, end)
        found.append(make_reading(kind, canonical, sheet.text[first:last], (first, last)))
    return found


def _worded(sheet: Sheet, lead: str, kind: str, unit: str = "") -> list[Reading]:
    """Read a bare amount as if the words that are understood stood before it."""
    framed = lead + sheet.text.strip(" .!?\n") + unit
    for reading in find_readings(framed):
        if reading.kind == kind:
            start, end = 0, len(sheet.text)
            return [
                make_reading(
                    kind,
                    reading.value,
                    sheet.text,
                    (start, end),
                    days=reading.days,
                    per_hours=reading.per_hours,
                )
            ]
    return []


def _times(sheet: Sheet) -> list[Reading]:
    too_many = set(vocabulary().words("counting", "too_many"))
    if any(f" {phrase} " in f" {sheet.line} " for phrase in too_many):
        value = vocabulary().number("plausible", "too_many")
        return [make_reading("count", value, sheet.text, (0, len(sheet.text)))]
    found = []
    for index, token in enumerate(sheet.tokens):
        number = token.number
        if number is None or not number.whole:
            continue
        if not inside(number.value, vocabulary().range("plausible", "times")):
            continue
        follower = sheet.norm(index + 1)
        plain = number.form == "#" and not number.vague
        counted = follower in vocabulary().words("counting", "times")
        if plain and not counted and blocked(sheet, index):
            continue
        first, last = sheet.characters(index, index)
        found.append(make_reading("count", number.value, sheet.text[first:last], (first, last)))
    return found


convert(101.0, "degF", "temperature")  # builds the unit registry at start, not on a message
vocabulary()
