"""Weight changes from one figure ("up 6 lb") or two ("was 81 now 84 kilos").

A weight alone is no reading; only its change counts. Values are signed kilograms, ``days`` is the
longest time the words allow ("since Monday": 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from bot.triage.readings.parts import (
    Cue,
    Page,
    blocked,
    inside,
    marked,
    nearest_cue,
    number_at,
    sentence_range,
    stretches,
    time_marks,
)
from bot.triage.readings.sheet import STOP, Sheet
from bot.triage.readings.units import convert
from bot.triage.readings.vocabulary import alternation, vocabulary

_PINT = {"pound": "pound", "kilogram": "kilogram", "stone": "stone"}


@dataclass(frozen=True)
class _Patterns:
    change: re.Pattern[str]
    change_after: re.Pattern[str]
    put_on: re.Pattern[str]
    unitless: re.Pattern[str]
    absolute: re.Pattern[str]
    money: re.Pattern[str]
    gain_said: re.Pattern[str]
    loss_said: re.Pattern[str]
    long_ago: re.Pattern[str]
    not_before: frozenset[str]
    made_of: frozenset[str]
    may_follow: frozenset[str]
    gain: frozenset[str]
    gain_after: frozenset[str]
    earlier: frozenset[str]
    later: frozenset[str]
    unit_of: dict[str, str]


@cache
def _patterns() -> _Patterns:
    vocab = vocabulary()
    gain, loss = vocab.words("weight_words", "gain"), vocab.words("weight_words", "loss")
    gain_after = vocab.words("weight_words", "gain_after")
    loss_after = vocab.words("weight_words", "loss_after")
    filler = alternation(vocab.words("weight_words", "fillers"))
    unit_of = {w: name for name in _PINT for w in vocab.words("units", name)}
    pound = alternation(vocab.words("units", "pound"))
    unit = alternation(unit_of)
    time = r"(?:min|hour|day|night|week|month|time|year)"
    # "12 stone 2", "half a stone", "5 to 6 lb", "a stone and a half"
    quantity = (
        rf"(?:(?P<low># )(?:-|to|or|maybe) )?(?P<n>#|an?(?!\S)) (?P<u>{unit})"
        rf"(?P<half> and a half(?!\S)(?! {unit}))?"
    )
    rest = rf"(?: (?:and )?(?P<n2>#)(?:(?P<u2> {pound})|(?! ?(?:{time}|{unit}))))?"
    full = quantity + rest
    verbs = alternation([*gain, *loss])
    return _Patterns(
        re.compile(rf"(?P<verb>{verbs})(?: {filler}){{0,6}} {full}"),
        re.compile(rf"{full}(?: {filler}){{0,2}} (?P<verb>{alternation([*gain_after, *loss_after])})"),
        re.compile(rf"(?<!\S)put(?:ting)?(?: {filler}){{0,4}} {full} on(?!\S)"),
        re.compile(rf"(?P<verb>{verbs})(?: {filler}){{0,4}} (?P<n>#)(?! (?:{unit}|/|over|°|degrees?|%|times|{time}))"),
        re.compile(full),
        re.compile(alternation(vocab.words("weight_words", "money"))),
        re.compile(alternation(vocab.words("weight_words", "gain_said"))),
        re.compile(alternation(vocab.words("weight_words", "loss_said"))),
        re.compile(alternation(vocab.words("weight_words", "long_ago"))),
        frozenset(vocab.words("weight_words", "not_weight_before")),
        frozenset(vocab.words("weight_words", "made_of")),
        frozenset(vocab.words("weight_words", "may_follow")) | {STOP},
        frozenset(gain),
        frozenset(gain_after),
        frozenset(vocab.words("weight_words", "earlier")),
        frozenset(vocab.words("weight_words", "later")),
        {**unit_of},
    )


def _kilograms(sheet: Sheet, match: re.Match[str]) -> tuple[float, str, tuple[int, ...]]:
    """Amount in kilograms, unit name and number tokens of a matched quantity."""
    groups = match.re.groupindex
    unit = _patterns().unit_of[match["u"]]
    taken: list[int] = []
    if match["n"] == "#":
        index, number = number_at(sheet, match.start("n"))
        taken.append(index)
        value = number.value
    else:
        value = 1.0
    if match["half"]:
        value += 0.5
    if "low" in groups and match["low"]:
        index, number = number_at(sheet, match.start("low"))
        taken.append(index)
        value = max(value, number.value)
    kilograms = convert(value, _PINT[unit], "weight_change")
    if match["n2"] and unit == "stone":
        index, number = number_at(sheet, match.start("n2"))
        if number.value < 14:
            taken.append(index)
            kilograms = round(kilograms + convert(number.value, "pound", "weight_change"), 4)
    return kilograms, unit, tuple(taken)


def _end_token(sheet: Sheet, match: re.Match[str], unit: str) -> int:
    """Last token of the quantity itself."""
    if match["n2"] and unit == "stone":
        return sheet.index(match.end("u2") - 1 if match["u2"] else match.end("n2") - 1)
    end = match.end("half") if match["half"] else match.end("u")
    return sheet.index(end - 1)


def _days(page: Page, first: int, last: int) -> float | None:
    """Over how many days, from the words of the sentence; behind the change first."""
    sheet = page.sheet
    start, end = sentence_range(sheet, first)
    behind = sheet.offsets[last]
    ordered = [*stretches(page, behind, end), *stretches(page, start, behind)]
    named = [s for s in ordered if s.weekday or s.hours is not None]
    if not named:
        return None
    if any(s.weekday for s in named):
        return vocabulary().number("time", "weekday_days")
    return round((named[0].hours or 0.0) / 24.0, 4) or None


def _elsewhere(sheet: Sheet, first: int, unit: str) -> bool:
    """Money, or a time too long ago to matter."""
    start, end = sentence_range(sheet, first)
    sentence = sheet.line[start:end]
    if _patterns().long_ago.search(sentence):
        return True
    return unit == "pound" and _patterns().money.search(sentence) is not None


def _of_something(sheet: Sheet, last: int) -> bool:
    """Reads "Picked up 5 kilos of potatoes"."""
    return (
        sheet.norm(last + 1) == "of"
        and sheet.norm(last + 2) not in _patterns().made_of
        and sheet.norm(last + 3) not in _patterns().made_of
    )


def _one_figure(page: Page, match: re.Match[str], *, after: bool) -> None:
    sheet, patterns = page.sheet, _patterns()
    kilograms, unit, numbers = _kilograms(sheet, match)
    first, last = sheet.indexes(*match.span())
    if not after:
        last = _end_token(sheet, match, unit)
    if any(not page.free(i) for i in numbers):
        return
    if not inside(kilograms, vocabulary().range("plausible", "weight_change_kg")):
        return
    of_body = sheet.norm(last + 1) == "of" and not _of_something(sheet, last)
    if _of_something(sheet, last):
        return
    if sheet.norm(first - 1) in patterns.not_before and not of_body:
        return
    if _elsewhere(sheet, first, unit):
        return
    verb = match["verb"] if "verb" in match.re.groupindex else "put on"
    gained = verb in (patterns.gain_after if after else patterns.gain) or verb == "put on"
    page.add(
        "weight_change",
        kilograms if gained else -kilograms,
        sheet.characters(first, last),
        numbers,
        days=_days(page, first, last),
    )


def find_one_figure(page: Page) -> None:
    """Reads "Gained 3 kilos", "6 lb heavier", "put half a stone on"."""
    patterns, line = _patterns(), page.sheet.line
    for match in patterns.put_on.finditer(line):
        _one_figure(page, match, after=True)
    for match in patterns.change.finditer(line):
        _one_figure(page, match, after=False)
    for match in patterns.change_after.finditer(line):
        _one_figure(page, match, after=True)


def find_without_unit(page: Page, cues: list[Cue]) -> None:
    """Reads "Weight's up 5 since Monday": below 5 the larger unit is assumed, from 5 on pounds."""
    sheet, patterns = page.sheet, _patterns()
    for match in patterns.unitless.finditer(sheet.line):
        index, number = number_at(sheet, match.start("n"))
        first, _ = sheet.indexes(*match.span())
        cue = nearest_cue(sheet, cues, index)
        weighed = cue is not None and cue.kind == "weight"
        if not (weighed or match["verb"] in ("gained", "put on")) or not page.free(index):
            continue
        if sheet.norm(index + 1) not in patterns.may_follow:
            continue  # "put on 5 layers"
        if cue is not None and not weighed:
            continue
        if blocked(sheet, index) or number.value > 30 or _elsewhere(sheet, first, "pound"):
            continue
        kilograms = convert(number.value, "pound" if number.value >= 5 else "kilogram", "weight_change")
        if not inside(kilograms, vocabulary().range("plausible", "weight_change_kg")):
            continue
        sign = 1.0 if match["verb"] in patterns.gain else -1.0
        page.add(
            "weight_change",
            sign * kilograms,
            sheet.characters(first, index),
            (index,),
            days=_days(page, first, index),
        )


def find_bare_amount(page: Page) -> None:
    """Reads "I have gained weight, 8 pounds since Thursday": the amount stands alone."""
    sheet, patterns = page.sheet, _patterns()
    for match in patterns.absolute.finditer(sheet.line):
        kilograms, unit, numbers = _kilograms(sheet, match)
        first, last = sheet.indexes(*match.span())
        start, end = sentence_range(sheet, first)
        sentence = sheet.line[start:end]
        gained = patterns.gain_said.search(sentence)
        lost = patterns.loss_said.search(sentence)
        if not (gained or lost) or not all(page.free(i) for i in numbers):
            continue
        if not inside(kilograms, vocabulary().range("plausible", "weight_change_kg")):
            continue
        if match["n"] != "#" or _of_something(sheet, last) or _elsewhere(sheet, first, unit):
            continue
        page.add(
            "weight_change",
            kilograms if gained else -kilograms,
            sheet.characters(first, _end_token(sheet, match, unit)),
            numbers,
            days=_days(page, first, last),
        )


# --- two weights ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Weight:
    value: float
    unit: str | None
    first: int
    last: int
    numbers: tuple[int, ...]


def _weights(page: Page, cues: list[Cue]) -> list[_Weight]:
    sheet = page.sheet
    found: list[_Weight] = []
    covered: set[int] = set()
    for match in _patterns().absolute.finditer(sheet.line):
        if match["n"] != "#":
            continue
        kilograms, unit, numbers = _kilograms(sheet, match)
        if match["low"]:
            # "from 182 to 188 pounds": two weights, not a range
            index, number = number_at(sheet, match.start("low"))
            found.append(_Weight(number.value, unit, index, index, (index,)))
            index, number = number_at(sheet, match.start("n"))
            kilograms, numbers = convert(number.value, _PINT[unit], "weight_change"), (index,)
            covered.add(found[-1].first)
        first, _ = sheet.indexes(*match.span("n"))
        last = _end_token(sheet, match, unit)
        covered.update(range(first, last + 1))
        if any(not page.free(i) for i in numbers):
            continue
        found.append(_Weight(kilograms, "done", first, last, numbers))
    for index, token in enumerate(sheet.tokens):
        if index in covered or token.number is None or not page.free(index):
            continue
        if blocked(sheet, index, ages=False) or sheet.norm(index + 1) in ("°", "/", "%", "over"):
            continue
        if sheet.norm(index - 1) in ("/", "over"):
            continue
        cue = nearest_cue(sheet, cues, index)
        if cue is not None and cue.kind != "weight":
            continue
        found.append(_Weight(token.number.value, None, index, index, (index,)))
    return sorted(found, key=lambda w: w.first)


def _in_kilograms(weights: list[_Weight], sheet: Sheet, weighed: bool) -> list[_Weight]:
    """All plausible body weights in kilograms; a missing unit is the other's, or told by size."""
    vocab = vocabulary()
    units = [
        _patterns().unit_of[sheet.norm(w.last)]
        for w in weights
        if w.unit == "done" and sheet.norm(w.last) in _patterns().unit_of
    ]
    units += ["stone" for w in weights if w.unit == "done" and len(w.numbers) == 2]
    bare = [w.value for w in weights if w.unit is None]
    if "stone" in units:
        shared: str | None = "stone"
    elif units:
        shared = units[0]
    elif weighed:
        shared = "kilogram" if bare and max(bare) <= 130 else "pound"
    elif len(bare) == 2 and all(inside(v, vocab.range("plausible", "bare_weights_lb")) for v in bare):
        shared = "pound"
    else:
        return []
    result = []
    for weight in weights:
        value = weight.value
        if weight.unit != "done":
            name = weight.unit or shared
            if name is None:
                continue
            value = convert(weight.value, _PINT[name], "weight_change")
        if inside(value, vocab.range("plausible", "body_weight_kg")):
            result.append(_Weight(value, "done", weight.first, weight.last, weight.numbers))
    return result


def _said(sheet: Sheet, weight: _Weight, words: frozenset[str]) -> bool:
    return marked(sheet, weight.first, weight.last, words)


def find_two_weights(page: Page, cues: list[Cue]) -> None:
    """Reads "From 12 stone 2 to 12 stone 9", "84 kg today, was 81": the change from first to last."""
    sheet = page.sheet
    if sum(1 for t in sheet.tokens if t.number) < 2:
        return
    weighed = any(c.kind == "weight" for c in cues)
    free = sum(1 for i, t in enumerate(sheet.tokens) if t.number and i not in page.taken)
    if free < 2 or (not weighed and free > 2 and not _patterns().absolute.search(sheet.line)):
        return
    candidates = _weights(page, cues)
    weights = _in_kilograms(candidates, sheet, weighed)
    if len(weights) < 2:
        return
    patterns = _patterns()
    first, last = weights[0], weights[-1]
    if not weighed and not any(c.unit == "done" for c in candidates):
        marks = time_marks()
        if not (marked(sheet, first.first, first.last, marks) and marked(sheet, last.first, last.last, marks)):
            return
    start, end = sentence_range(sheet, first.first)[0], sentence_range(sheet, last.last)[1]
    if patterns.long_ago.search(sheet.line[start:end]):
        return
    before, now, leads = first, last, ("from", "was")
    swapped = (
        _said(sheet, first, patterns.later)
        and not _said(sheet, first, patterns.earlier)
        and _said(sheet, last, patterns.earlier)
    )
    if sheet.norm(last.first - 1) in leads and sheet.norm(first.first - 1) not in leads:
        swapped = True
    if swapped:
        before, now = last, first
    change = round(now.value - before.value, 4)
    share = vocabulary().number("plausible", "weight_share")
    if abs(change) > share * max(now.value, before.value):
        return
    numbers = tuple(i for w in weights for i in w.numbers)
    page.add(
        "weight_change",
        change,
        sheet.characters(first.first, last.last),
        numbers,
        days=_days_of_two(page, first, last),
    )


def _days_of_two(page: Page, first: _Weight, last: _Weight) -> float | None:
    """The longest stretch named in the sentences of the two weights, leaving out "today"."""
    vocab = vocabulary()
    start, _ = sentence_range(page.sheet, first.first)
    _, end = sentence_range(page.sheet, last.last)
    named = stretches(page, start, end)
    if any(s.weekday for s in named):
        return vocab.number("time", "weekday_days")
    hours = [s.hours for s in named if s.hours is not None]
    return round(max(hours) / 24.0, 4) if hours else None
