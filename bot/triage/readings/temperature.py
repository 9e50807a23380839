"""Body temperatures, told from weather, baths and ovens.

Rule (h): 34 to 43 is degrees Celsius, 93 to 110 Fahrenheit, whatever letter stands behind; outside
these a number needs a sure sign of a body ("my temperature is 33").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from bot.triage.readings.parts import (
    Cue,
    Page,
    beyond,
    blocked,
    compared,
    follows,
    inside,
    is_bare,
    marked,
    nearest_cue,
    time_marks,
)
from bot.triage.readings.sheet import STOP, Sheet
from bot.triage.readings.units import convert
from bot.triage.readings.vocabulary import alternation, vocabulary


@dataclass(frozen=True)
class _Patterns:
    unit: re.Pattern[str]
    scale: re.Pattern[str]
    sure: re.Pattern[str]
    outdoors: re.Pattern[str]
    appliances: re.Pattern[str]
    rooms: re.Pattern[str]
    people: frozenset[str]
    breaks: frozenset[str]
    places: frozenset[str]


@cache
def _patterns() -> _Patterns:
    vocab = vocabulary()
    celsius, fahrenheit = vocab.words("units", "celsius"), vocab.words("units", "fahrenheit")
    degree = alternation([*vocab.words("units", "degree"), "°"])
    letter = alternation([*celsius, *fahrenheit])
    own = alternation(vocab.words("cues", "own"))
    temperature = r"(?:temps?|temperatures?)"
    return _Patterns(
        re.compile(rf"(?:{degree}(?: {letter})?|{letter})"),
        re.compile(letter),
        re.compile(
            rf"(?:{alternation(vocab.words('cues', 'sure'))}|{own} (?:own |body )?{temperature}(?!\S)"
            r"|(?<!\S)(?:im|hes|shes|theyre|am) (?:at|on|now|running|up to|around|about|now at|up at)(?!\S))"
        ),
        re.compile(alternation(vocab.words("weather", "outdoors"))),
        re.compile(alternation(vocab.words("weather", "appliances"))),
        re.compile(alternation(vocab.words("weather", "rooms"))),
        frozenset(vocab.words("weather", "people")),
        frozenset(vocab.words("weather", "breaks")) | {STOP},
        frozenset(vocab.words("weather", "places")),
    )


def to_celsius(value: float, *, wide: bool) -> float | None:
    """A temperature in degrees Celsius, its scale told by its size; None where it can be no body's.

    Args:
        value: degrees, either scale.
        wide: also accept 25 to 46 C and 80 to 115 F.
    """
    vocab = vocabulary()
    suffixes = ("", "_wide") if wide else ("",)
    for suffix in suffixes:
        if inside(value, vocab.range("plausible", f"celsius{suffix}")):
            return convert(value, "degC", "temperature")
        if inside(value, vocab.range("plausible", f"fahrenheit{suffix}")):
            return convert(value, "degF", "temperature")
    return None


def _value(sheet: Sheet, index: int) -> tuple[float, int]:
    """Value of the number with a spoken decimal taken in, and the last token it covers."""
    number = sheet.tokens[index].number
    assert number is not None
    if number.with_tail is not None and to_celsius(number.with_tail, wide=False) is not None:
        return number.with_tail, index + 1
    return number.value, index


def _in_some_place(sheet: Sheet, first: int, last: int) -> bool:
    """Reads "... in Seville": a capital after "in" that is not shouted, within these tokens."""
    for at in range(max(0, first), min(last, len(sheet.tokens) - 1)):
        if sheet.norm(at) != "in":
            continue
        place = sheet.tokens[at + 1]
        word = sheet.text[place.start : place.end]
        if len(word) > 2 and word[0].isupper() and word[1:].islower():
            return True
    return False


def _weather(sheet: Sheet, index: int, last: int, plain_cue: Cue | None) -> bool:
    """Whether the clause around a number speaks of weather, a room, a bath or an oven.

    Args:
        sheet: the message.
        index: token of the number.
        last: last token of the number with its unit.
        plain_cue: "temperature" without an owner, if that is what the number hangs on.
    """
    patterns = _patterns()
    start, end = sheet.clause(index, patterns.breaks)
    clause = sheet.part(start, end)
    if patterns.outdoors.search(clause):
        return True
    number = sheet.tokens[index].number
    if plain_cue is not None:
        # "the room temperature", "the temperature in the room is 38"; not "temp 38 at home"
        around = sheet.part(max(start, plain_cue.first - 2), plain_cue.first)
        between = sheet.part(plain_cue.last + 1, min(plain_cue.last + 5, index))
        if not between.startswith(("in ", "of ", "at ")):
            between = ""
        if any(p.search(around) or p.search(between) for p in (patterns.appliances, patterns.rooms)):
            return True
        whole = number is not None and number.whole
        plainest = sheet.norm(plain_cue.first).startswith("temperature") and whole
        return _in_some_place(sheet, plain_cue.first, min(plain_cue.last + 2, index)) or (
            plainest and _in_some_place(sheet, last, last + 3)
        )
    if patterns.appliances.search(clause) or sheet.norm(end - 1) in patterns.places:
        return True
    if _in_some_place(sheet, last, last + 3):
        return True
    if any(t.norm in patterns.people for t in sheet.tokens[start:index]):
        return False
    first, stop = sheet.sentence(index)
    wider = sheet.part(max(first, index - 12), min(stop, index + 12))  # "36 degrees and sunny"
    if patterns.outdoors.search(wider) and not patterns.people & set(wider.split()):
        return True
    behind = sheet.part(last + 1, min(last + 4, end))
    before = sheet.part(max(start, index - 3), index)
    inside_of = behind.startswith("in ") and patterns.rooms.search(behind) is not None
    return inside_of or patterns.rooms.search(before) is not None


def _lone_decimal(sheet: Sheet, index: int) -> bool:
    """Reads "38.5 now": one decimal in the body's range; or nothing else said than "thirty-nine two"."""
    number = sheet.tokens[index].number
    assert number is not None
    if number.with_tail is not None:
        first, last = sheet.sentence(index)
        return is_bare(sheet, first, last)
    return number.decimals == 1 and sheet.norm(index - 1) not in ("/", "<other>")


def find(page: Page, cues: list[Cue]) -> None:
    """Add every body temperature of the sheet to the page."""
    sheet, patterns = page.sheet, _patterns()
    for index in range(len(sheet.tokens)):
        if not page.free(index):
            continue
        value, last = _value(sheet, index)
        if to_celsius(value, wide=True) is None or blocked(sheet, index):
            continue
        unit = follows(sheet, last, patterns.unit)
        if unit is not None and unit.group() in ("c", "f") and sheet.norm(last + 2) == "/":
            unit = None
        cue = nearest_cue(sheet, cues, index)
        if cue is not None and cue.kind != "temperature" and unit is None:
            continue
        start, _ = sheet.sentence(index)
        # somebody's own temperature, a fever, a thermometer: no weather word outweighs it
        if cue is not None and cue.kind != "temperature":
            cue = None
        lead = min(start if cue is None else max(cue.first - 3, 0), index)
        sure = patterns.sure.search(sheet.part(max(lead, index - 20), index))
        plain = cue if cue is not None and cue.kind == "temperature" else None
        lettered = unit is not None and patterns.scale.search(unit.group()) is not None
        celsius = to_celsius(value, wide=bool(sure or (plain and lettered)))
        if celsius is None:
            continue
        own = sheet.norm(index - 1) in ("im", "hes", "shes", "am", "he", "she") and (
            unit is not None or not _whole(sheet, index) or value >= 99
        )
        end = last
        if unit is not None:
            _, end = sheet.indexes(*unit.span())
        device = sure is not None and sure.group().startswith("thermometer")
        if not (sure or own) or device:
            if plain is None and unit is None and not _lone_decimal(sheet, index):
                continue
            if _weather(sheet, index, end, plain):
                continue
        celsius = compared("temperature", celsius, beyond(sheet, index), _step())
        page.add("temperature", celsius, sheet.characters(index, end), tuple(range(index, last + 1)))


def _whole(sheet: Sheet, index: int) -> bool:
    number = sheet.tokens[index].number
    return number is not None and number.whole


def _step() -> float:
    return vocabulary().number("comparing", "step")


def find_series(page: Page, cues: list[Cue]) -> None:
    """Reads "Was 39 this morning, 37 now": two temperatures that only their words of time give away.

    Only in a message without any cue word, without a unit, and not "I was 38".
    """
    sheet = page.sheet
    if cues:
        return
    found: list[tuple[int, float]] = []
    for index in range(len(sheet.tokens)):
        if not page.free(index):
            continue
        number = sheet.tokens[index].number
        if number is None or len(found) > 4:
            return
        celsius = to_celsius(number.value, wide=False)
        lead = (sheet.norm(index - 1), sheet.norm(index - 2))
        if celsius is None or blocked(sheet, index) or lead[1] in ("i", "he", "she", "we"):
            return
        if follows(sheet, index, _patterns().unit) or _weather(sheet, index, index, None):
            return
        if not marked(sheet, index, index, time_marks()):
            return
        found.append((index, celsius))
    if len(found) < 2:
        return
    for index, celsius in found:
        page.add("temperature", celsius, sheet.characters(index, index), (index,))
