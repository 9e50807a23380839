"""Pulse, blood pressure, oxygen and sugar: numbers with a cue word or a unit of their own."""

from __future__ import annotations

import re
from functools import cache

from bot.triage.readings.parts import (
    Cue,
    Page,
    beyond,
    blocked,
    compared,
    follows,
    inside,
    nearest_cue,
    preceded_by_veto,
)
from bot.triage.readings.sheet import Sheet
from bot.triage.readings.units import convert
from bot.triage.readings.vocabulary import alternation, vocabulary


@cache
def _unit(name: str) -> re.Pattern[str]:
    return re.compile(alternation(vocabulary().words("units", name)))


@cache
def _unit_starts() -> frozenset[str]:
    vocab = vocabulary()
    names = ("beats", "mmol", "mgdl", "percent")
    return frozenset(w.split()[0] for n in names for w in vocab.words("units", n)) | {"mmhg", "mm"}


@cache
def _mmhg() -> re.Pattern[str]:
    return re.compile(r"mm ?hg(?!\S)")


@cache
def _after() -> tuple[re.Pattern[str], re.Pattern[str]]:
    vocab = vocabulary()
    return (
        re.compile(alternation(vocab.words("not_readings", "after"))),
        re.compile(alternation(vocab.words("not_readings", "sugar_after"))),
    )


# --- blood pressure ------------------------------------------------------------------------------

_PAIR = re.compile(r"(?<!\S)# (?:/|over|on|-|by) #(?!\S)")


def find_pressure_pairs(page: Page, cues: list[Cue]) -> None:
    """Reads "85/50", "78 over 40": the upper value is the reading. "on", "by" and "-" need a cue."""
    sheet, vocab = page.sheet, vocabulary()
    for match in _PAIR.finditer(sheet.line):
        upper, lower = sheet.indexes(*match.span())
        first, second = sheet.tokens[upper].number, sheet.tokens[lower].number
        if first is None or second is None or not (page.free(upper) and page.free(lower)):
            continue
        cue = nearest_cue(sheet, cues, upper)
        sure = cue is not None and cue.kind == "systolic"
        if sheet.norm(upper + 1) in ("on", "by", "-") and not sure:
            continue
        foreign = cue is not None and cue.kind in ("other", "weight", "temperature")
        if foreign and not (sheet.norm(upper + 1) == "/" and cue and cue.kind == "temperature"):
            continue
        if not (
            inside(first.value, vocab.range("plausible", "systolic"))
            and inside(second.value, vocab.range("plausible", "diastolic"))
            and first.whole
            and second.whole
            and first.value > second.value
        ):
            continue
        end = lower
        unit = follows(sheet, lower, _mmhg())
        if unit is not None:
            _, end = sheet.indexes(*unit.span())
        if not sure and (
            second.value < 25
            or preceded_by_veto(sheet, upper)
            or sheet.norm(upper - 1) == "/"
            or follows(sheet, lower, _after()[0]) is not None
            or first.glued
        ):
            continue
        page.add("systolic", first.value, sheet.characters(upper, end), (upper, lower))


# --- values with a cue ---------------------------------------------------------------------------


def sugar_in_mmol(value: float, unit: str | None) -> float | None:
    """A sugar value in mmol/L; without a unit (``mmol`` or ``mgdl``) its size tells which it is."""
    vocab = vocabulary()
    mmol, mgdl = (
        vocab.range("plausible", "mmol_per_litre"),
        vocab.range("plausible", "mg_per_decilitre"),
    )
    if unit == "mmol" and inside(value, mmol):
        return round(value, 4)
    if unit == "mgdl" and inside(value, mgdl):
        return convert(value, "mg/dL", "sugar")
    # no unit, or one that cannot be meant ("280 mmol")
    if inside(value, mmol):
        return round(value, 4)
    if inside(value, mgdl):
        return convert(value, "mg/dL", "sugar")
    return None


def plausible(kind: str, value: float) -> float | None:
    """The value of a pulse, systolic, oxygen or sugar reading in its canonical unit, if possible."""
    if kind == "sugar":
        return sugar_in_mmol(value, None)
    return round(value, 4) if inside(value, vocabulary().range("plausible", kind)) else None


def _with_unit(sheet: Sheet, index: int, cue: Cue | None) -> tuple[str, float, int] | None:
    """Kind, canonical value and last token of a number that carries a unit of its own."""
    number = sheet.tokens[index].number
    if number is None or sheet.norm(index + 1) not in _unit_starts():
        return None
    beats = follows(sheet, index, _unit("beats"))
    if beats is not None:
        value = plausible("pulse", number.value)
        if value is None or (beats.group() == "beats" and not (cue and cue.kind == "pulse")):
            return None
        return "pulse", value, sheet.indexes(*beats.span())[1]
    for name in ("mmol", "mgdl"):
        unit = follows(sheet, index, _unit(name))
        if unit is not None and (cue is None or cue.kind in ("sugar", "temperature")):
            sugar = sugar_in_mmol(number.value, name)
            if sugar is not None:
                return "sugar", sugar, sheet.indexes(*unit.span())[1]
    mmhg = follows(sheet, index, _mmhg())
    if mmhg is not None and (cue is None or cue.kind in ("systolic", "pulse")):
        value = plausible("systolic", number.value)
        if value is not None:
            return "systolic", value, sheet.indexes(*mmhg.span())[1]
    percent = follows(sheet, index, _unit("percent"))
    if percent is not None and cue is not None and cue.kind == "oxygen":
        value = plausible("oxygen", number.value)
        if value is not None:
            return "oxygen", value, sheet.indexes(*percent.span())[1]
    return None


def find_cued(page: Page, cues: list[Cue]) -> None:
    """Add every pulse, systolic pressure, oxygen and sugar value of the sheet to the page."""
    sheet = page.sheet
    for index, token in enumerate(sheet.tokens):
        number = token.number
        if number is None or number.form != "#" or index in page.taken:
            continue
        cue = nearest_cue(sheet, cues, index)
        own = _with_unit(sheet, index, cue)
        if own is not None and not preceded_by_veto(sheet, index):
            kind, value, end = own
            page.add(kind, value, sheet.characters(index, end), (index,))
            continue
        if cue is None or cue.kind not in ("pulse", "systolic", "oxygen", "sugar"):
            continue
        if blocked(sheet, index) or _percent_elsewhere(sheet, index, cue):
            continue
        if cue.kind == "sugar" and follows(sheet, index, _after()[1]) is not None:
            continue
        if cue.kind in ("oxygen", "systolic", "pulse") and not number.whole and number.value < 45:
            continue
        if cue.kind == "sugar" and not _says_value(sheet, cue, index):
            continue
        found = plausible(cue.kind, number.value)
        if found is not None:
            step = vocabulary().number("comparing", "step")
            found = compared(cue.kind, found, beyond(sheet, index), step)
            page.add(cue.kind, found, sheet.characters(index, index), (index,))


def _percent_elsewhere(sheet: Sheet, index: int, cue: Cue) -> bool:
    return cue.kind != "oxygen" and follows(sheet, index, _unit("percent")) is not None


def _says_value(sheet: Sheet, cue: Cue, index: int) -> bool:
    """Small numbers are everywhere: a sugar value stands close to its cue."""
    number = sheet.tokens[index].number
    if cue.first > index:  # "2 sugars in my tea"
        whole = number is not None and number.whole
        return not (whole and sheet.norm(cue.first) in ("sugar", "sugars"))
    return index - cue.last <= 7 or (number is not None and not number.whole)


@cache
def _hi_lo() -> re.Pattern[str]:
    vocab = vocabulary()
    meter = vocab.words("cues", "sugar_meter")
    cue = alternation([*vocab.words("cues", "sugar"), "monitor", *meter])
    between = r"(?: (?!(?:hi|lo|high|low)(?!\S))[a-z]+){0,5}"
    says = r"(?: (?!(?:hi|lo|high|low)(?!\S))[a-z]+){0,2} (?:says|reads|shows|said|reading|showing)"
    of_else = r"(?! (?:there|heart|pulse|blood|bp|pressure|temp|temperature|and|enough|side))"
    return re.compile(
        rf"{cue}{between} (?P<mark>hi|lo)(?!\S)(?! there)"
        rf"|{alternation(meter)}{says} (?P<word>high|low)(?!\S){of_else}"
    )


def find_off_scale(page: Page) -> None:
    """Reads "Blood sugar is HI": the meter's word for beyond its range, given as the range's end."""
    vocab = vocabulary()
    for match in _hi_lo().finditer(page.sheet.line):
        mark = match["mark"] or match["word"]
        name = "meter_hi_mmol" if mark.startswith("hi") else "meter_lo_mmol"
        first, last = page.sheet.indexes(*match.span())
        page.add("sugar", vocab.number("plausible", name), page.sheet.characters(first, last), ())
