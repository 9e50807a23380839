"""Counts of vomiting, stools and urinations, amounts of urine, and durations."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache

from bot.triage.readings.levels import counted, cue, level_of, no_urine
from bot.triage.readings.parts import (
    Page,
    beyond,
    inside,
    make_reading,
    number_at,
    preceded_by_veto,
    sentence_range,
    since_words,
    stretches,
    time_unit,
    unit_hours,
    weekdays,
)
from bot.triage.readings.sheet import Sheet
from bot.triage.readings.units import convert
from bot.triage.readings.vocabulary import alternation, vocabulary

# --- counts --------------------------------------------------------------------------------------


@cache
def _count_pattern() -> re.Pattern[str]:
    vocab = vocabulary()
    times = alternation(vocab.words("counting", "times"))
    episodes = alternation(vocab.words("counting", "episodes"))
    describing = alternation(vocab.words("counting", "describing"))
    nouns = alternation([w for t in ("vomiting", "diarrhea", "urine") for w in vocab.words("counting", t)])
    ordinal_nouns = alternation(vocab.words("counting", "ordinal_nouns"))
    unit = time_unit()
    quantity = r"(?:(?P<low>#) (?:-|to|or|/) )?(?P<n>#)"
    return re.compile(
        rf"(?<!how )(?P<many>{alternation(vocab.words('counting', 'too_many'))})"
        rf"|(?P<again>{alternation(vocab.words('counting', 'again'))})"
        rf"|(?<!\S)(?P<x>#x)(?!\S)"
        rf"|(?<!\S)(?P<th>#th) {ordinal_nouns}"
        rf"|(?<!\S)every (?P<every>#|an?)?(?: ?or)?(?: ?(?P<every2>#))? ?(?P<unit>{unit})"
        rf"|(?<!\S){quantity}(?: {describing}){{0,3}} (?:{times}|{episodes}|{nouns})"
    )


@cache
def _clause_breaks() -> frozenset[str]:
    return frozenset({",", ".", ";", "but", "because", "(", ")", "though"})


@cache
def _any_topic() -> re.Pattern[str]:
    return cue("vomiting", "diarrhea", "urine")


_TOPIC_REACH = 16
"""How many tokens a count may stand from what it counts."""


def _topic_place(page: Page, first: int, last: int) -> tuple[int, int] | None:
    """Tokens of what the count at ``first`` to ``last`` is about, nearest first; None: nothing.

    The count's own clause goes first; without any cue there, the rest of the sentence and the
    sentence before, unless the clause speaks of a deed ("called the nurse twice").
    """
    sheet = page.sheet
    start, end = sheet.clause(first, _clause_breaks())
    end = max(end, last + 1)
    own = _nearest_topic(page, start, end, first, last)
    if own is not None:
        return own
    if cue("deeds").search(sheet.part(start, end)):
        return None
    begin, finish = sheet.sentence(first)
    near = _nearest_topic(page, begin, finish, first, last)
    if near is None and begin >= 2:
        before, _ = sheet.sentence(begin - 2)
        near = _nearest_topic(page, before, begin - 1, first, last)
    return near


def _topics(page: Page) -> list[tuple[int, int]]:
    """Tokens of every word for vomiting, stools or urine; "feel sick" is none."""
    if page.topics is None:
        sheet = page.sheet
        nausea: set[int] = set()
        for match in cue("nausea").finditer(sheet.line):
            first, last = sheet.indexes(*match.span())
            nausea.update(range(first, last + 1))
        places = (sheet.indexes(*m.span()) for m in _any_topic().finditer(sheet.line))
        page.topics = [p for p in places if p[0] not in nausea]
    return page.topics


def _nearest_topic(page: Page, start: int, end: int, first: int, last: int) -> tuple[int, int] | None:
    """The topic nearest to tokens ``first`` to ``last`` within ``start`` to ``end`` (excluded)."""
    topics = _topics(page)
    start, end = max(start, first - _TOPIC_REACH), min(end, last + 1 + _TOPIC_REACH)
    best: tuple[int, tuple[int, int]] | None = None
    for place in topics[bisect_left(topics, (start, 0)) :]:
        if place[0] >= end:
            break
        gap = max(first - place[1], place[0] - last, 0)
        if best is None or gap < best[0]:
            best = (gap, place)
    return best[1] if best is not None else None


def _period(page: Page, first: int, last: int) -> float | None:
    """Hours over which a count at these tokens was made; None where nothing (sure) is said."""
    sheet = page.sheet
    start, end = sentence_range(sheet, first)
    here, behind = sheet.offsets[first], sheet.offsets[last] + len(sheet.norm(last))
    ordered = [*stretches(page, behind, end), *reversed(stretches(page, start, here))]
    for stretch in ordered:
        if stretch.weekday:
            return None
        if stretch.hours is not None and stretch.hours > 0:
            return round(stretch.hours, 4)
    return None


@cache
def _brought_up() -> re.Pattern[str]:
    """Reads "His tablets", "my dose": what was brought up, not a deed."""
    things = alternation(vocabulary().words("counting", "things"))
    return re.compile(rf"(?<!\S)(?:my|his|her|the|all|their|all my|all the|every|our) {things}")


def _deed_beside(sheet: Sheet, first: int, last: int, topic: tuple[int, int]) -> bool:
    """Whether a deed stands between the count and its topic, or right before the count."""
    low, high = min(topic[1], last), max(topic[0], first)
    between = sheet.part(low + 1, high) if topic[1] < first or topic[0] > last else ""
    before = sheet.part(max(0, first - 3), first)
    deeds = cue("deeds")
    if topic[1] < first:
        return bool(deeds.search(_brought_up().sub("", between)))
    return bool(deeds.search(before)) and not _any_topic().search(before)


def find_counts(page: Page) -> None:
    """Add "been sick four times", "5th time on the loo", "six loose stools", "too many to count"."""
    sheet, vocab = page.sheet, vocabulary()
    day = 24.0
    for match in _count_pattern().finditer(sheet.line):
        first, last = sheet.indexes(*match.span())
        numbers: tuple[int, ...] = ()
        per_hours: float | None = None
        if match["many"]:
            value = vocab.number("plausible", "too_many")
        elif match["again"]:
            value = 2.0
        elif match["unit"]:
            value, numbers = _every(sheet, match)
            per_hours = day
            if not 0 < value <= 300:
                continue
            value = min(float(round(value)), vocab.range("plausible", "times")[1])
            if value < 1:
                continue
        else:
            name = next(n for n in ("x", "th", "n") if match[n])
            index, number = number_at(sheet, match.start(name))
            value, numbers = number.value, (index,)
            if match["low"]:
                low_index, low = number_at(sheet, match.start("low"))
                value, numbers = max(value, low.value), (low_index, index)
            if not number.whole or (preceded_by_veto(sheet, index) and name == "n"):
                continue
        if any(i in page.taken for i in numbers):
            continue
        topic = _topic_place(page, first, last)
        if topic is None or _deed_beside(sheet, first, last, topic):
            continue
        if not inside(value, vocab.range("plausible", "times")):
            continue
        begin, finish = min(first, topic[0]), max(last, topic[1])
        if match["again"] and (topic[1] > first or counted(sheet.part(topic[0], topic[1] + 1)) != "vomiting"):
            continue  # "sick last night and again this morning"
        if match["x"] and no_urine().search(sheet.part(max(0, topic[0] - 6), topic[1] + 1)):
            continue  # "not peed once today"
        begin, finish = _with_urine(sheet, begin, finish)
        begin = _with_only(sheet, begin)
        if match["unit"] and not _happening(sheet, begin, finish):
            continue
        span = sheet.characters(begin, finish)
        per_hours = per_hours or _period(page, first, last)
        if beyond(sheet, first) > 0:  # "more than once"
            text = sheet.text[span[0] : span[1]]
            said, more = (make_reading("count", v, text, span, per_hours=per_hours) for v in (value, value + 1))
            value = more.value if level_of(more)[0] > level_of(said)[0] else value
        page.add("count", value, span, numbers, per_hours=per_hours)


def _every(sheet: Sheet, match: re.Match[str]) -> tuple[float, tuple[int, ...]]:
    hours, numbers = unit_hours(match["unit"]), []
    low = 1.0
    for name in ("every", "every2"):
        if match[name] == "#":
            index, number = number_at(sheet, match.start(name))
            numbers.append(index)
            low = number.value if len(numbers) == 1 else min(low, number.value)
    return (24.0 / (low * hours) if low * hours > 0 else 0.0), tuple(numbers)


def _happening(sheet: Sheet, begin: int, finish: int) -> bool:
    """Reads "Every 20 minutes" speaks of the toilet or of being sick, not of medicine."""
    part = sheet.part(begin, finish + 1)
    return counted(part) in ("vomiting", "diarrhea")


def _with_urine(sheet: Sheet, begin: int, finish: int) -> tuple[int, int]:
    """Widen to a word for urine close behind, so that the toilet is not taken for diarrhoea."""
    part = sheet.part(begin, finish + 1)
    if counted(part) != "diarrhea":
        return begin, finish
    for at in range(finish + 1, min(finish + 7, len(sheet.tokens))):
        if sheet.norm(at) in (".", ",", "#", "and", "but"):
            break
        if cue("urine").fullmatch(sheet.norm(at)):
            return begin, at
    return begin, finish


def _with_only(sheet: Sheet, begin: int) -> int:
    """Widen to "only" right before."""
    for at in range(begin - 1, max(begin - 6, -1), -1):
        if sheet.norm(at) in (".", ",", "#", "and", "but"):
            break
        if cue("only").fullmatch(sheet.norm(at)):
            return at
    return begin


# --- urine ---------------------------------------------------------------------------------------


@cache
def _volume_pattern() -> re.Pattern[str]:
    vocab = vocabulary()
    names = ("millilitre", "litre", "us_fluid_ounce", "cup", "pint")
    units = alternation([w for n in names for w in vocab.words("units", n)])
    return re.compile(
        rf"(?<!\S)(?:(?P<low>#) (?:-|to|or) )?(?P<n>#|an?(?!\S)) (?P<u>{units})(?P<half> and a half(?!\S))?"
    )


@cache
def _volume_units() -> dict[str, str]:
    vocab = vocabulary()
    pint_names = {
        "millilitre": "milliliter", "litre": "liter", "us_fluid_ounce": "fluid_ounce",
        "cup": "cup", "pint": "pint",
    }  # fmt: skip
    return {w: p for name, p in pint_names.items() for w in vocab.words("units", name)}


def find_urine(page: Page) -> None:
    """Add amounts of urine: "only 200 ml all day", "peed half a cup"."""
    sheet = page.sheet
    for match in _volume_pattern().finditer(sheet.line):
        numbers: tuple[int, ...] = ()
        value = 1.0
        if match["n"] == "#":
            index, number = number_at(sheet, match.start("n"))
            if not page.free(index):
                continue
            value, numbers = number.value, (index,)
        if match["half"]:
            value += 0.5
        first, last = sheet.indexes(*match.span())
        place = _urine_place(page, first, last)
        if place is None:
            continue
        millilitres = convert(value, _volume_units()[match["u"]], "urine")
        if not inside(millilitres, vocabulary().range("plausible", "urine_ml")):
            continue
        begin, finish = _with_only(sheet, min(first, place[0])), max(last, place[1])
        period = _period(page, first, last)
        if period == 24.0 and "today" in sheet.line:
            period = 12.0  # a day that is not over yet
        page.add("urine", millilitres, sheet.characters(begin, finish), numbers, per_hours=period)


def _urine_place(page: Page, first: int, last: int) -> tuple[int, int] | None:
    """Tokens that make an amount one of urine; None where it is a drink, a dose or unclear."""
    sheet = page.sheet
    start, end = sheet.clause(first, _clause_breaks())
    left, right = sheet.offsets[start], sheet.offsets[end - 1] + len(sheet.norm(end - 1))
    urine = list(cue("urine").finditer(sheet.line, left, right))
    drinks = cue("drinks").search(sheet.line, left, right)
    if urine:
        nearest = min(urine, key=lambda m: abs(sheet.index(m.start()) - first))
        if drinks and abs(sheet.index(drinks.start()) - first) < abs(sheet.index(nearest.start()) - first):
            return None
        return sheet.indexes(*nearest.span())
    if drinks:
        return None
    passed = cue("urine_words").search(sheet.line, left, right)
    begin, finish = sentence_range(sheet, first)
    if passed and cue("urine").search(sheet.line, begin, finish):
        return sheet.indexes(*passed.span())
    only = cue("only").search(sheet.line, left, sheet.offsets[first])
    long_enough = any((s.hours or 0.0) >= 6 for s in stretches(page, begin, finish))
    if (only or passed) and long_enough and not cue("drinks").search(sheet.line, begin, finish):
        return (first, last)
    return None


# --- durations -----------------------------------------------------------------------------------


@cache
def _duration_pattern() -> re.Pattern[str]:
    unit = time_unit()
    about = (
        r"(?:(?:about|around|nearly|almost|over|at least|just|roughly|like|more than|the|past|last|another|a good|good"
        r"|approximately|up to|well over|coming up to) ){0,3}"
    )
    quantity = r"(?:(?P<low>#) (?:-|to|or) )?(?P<n>#|an?(?!\S)|the|past|last)"
    since = alternation([*since_words(), *(f"last {d}" for d in weekdays()), *weekdays()])
    whole = alternation(
        [
            "all day",
            "all night",
            "all week",
            "the whole day",
            "all morning",
            "all afternoon",
            "all evening",
            "all day long",
        ]
    )
    return re.compile(
        rf"(?<!\S)(?:(?P<since>since(?: about| around| at| early| late)? "
        rf"(?:(?P<moment>{since})|(?P<clock>(?:#|<other>)(?! {unit}))))"
        rf"|(?P<for>for|in|within|over|these|the past|the last) {about}{quantity} (?P<unit>{unit})"
        r"(?P<half> and a half(?!\S))?"
        rf"|(?P<n2>#|an?(?!\S)) (?P<unit2>{unit}) "
        r"(?P<rest>now|straight|running|solid|in a row|on the trot|on end|non ?stop|already|and counting|without"
        r"|since i|since my|since he|since she|since the last|since we"
        r"|since his|since her|ago|(?:i )?(?:havent|not))(?!\S)"
        rf"|(?P<whole>{whole})|(?P<today>today|yet|this morning)(?!\S))"
    )


_WHOLE_HOURS = {
    "all week": 168.0,
    "all night": 10.0,
    "all morning": 6.0,
    "all afternoon": 6.0,
    "all evening": 5.0,
}


def find_durations(page: Page) -> None:
    """Add "for three days", "since yesterday", "not peed for 9 hours" (with the not-peeing words).

    A bare weekday or clock time gives the estimates of ``readings.yml``. Where urine is spoken of,
    the reading's text takes those words in, so that its level can be told from it.
    """
    sheet, vocab = page.sheet, vocabulary()
    for match in _duration_pattern().finditer(sheet.line):
        first, last = sheet.indexes(*match.span())
        dry = _no_urine_near(sheet, first, last)
        hours, numbers = _duration_hours(sheet, match, urine=dry is not None)
        if hours is None or any(i in page.taken for i in numbers):
            continue
        if dry is None and (match["today"] or not _bodily(sheet, match, first)):
            continue
        if not inside(hours, vocab.range("plausible", "duration_hours")):
            continue
        begin, finish = first, last
        if dry is not None:
            begin, finish = min(first, dry[0]), max(last, dry[1])
        page.add("duration", round(hours, 4), sheet.characters(begin, finish), numbers)


def _duration_hours(sheet: Sheet, match: re.Match[str], *, urine: bool) -> tuple[float | None, tuple[int, ...]]:
    vocab = vocabulary()
    if match["since"]:
        if match["clock"]:
            return (vocab.number("time", "clock_hours") if urine else None), ()
        known = since_words().get(match["moment"])
        return (known if known is not None else vocab.number("time", "weekday_hours")), ()
    if match["today"]:
        return vocab.number("time", "clock_hours"), ()
    if match["whole"]:
        return _WHOLE_HOURS.get(match["whole"], 12.0), ()
    name, unit = ("n", "unit") if match["unit"] else ("n2", "unit2")
    value, numbers = 1.0, []
    if match[name] == "#":
        index, number = number_at(sheet, match.start(name))
        value = number.value
        numbers.append(index)
    if match["unit"] and match["half"]:
        value += 0.5
    if match["unit"] and match["low"]:
        index, low = number_at(sheet, match.start("low"))
        value = max(value, low.value)
        numbers.append(index)
    return value * unit_hours(match[unit]), tuple(numbers)


def _bodily(sheet: Sheet, match: re.Match[str], first: int) -> bool:
    """Whether a duration may be one of a symptom: no stay, no journey, no future."""
    words = match.group().split()
    if match["for"] in ("in", "within", "over", "these") and not {"last", "past"} & set(words):
        return False
    if match["rest"] == "ago":
        before = sheet.part(max(0, first - 5), first)
        return re.search(r"(?<!\S)(?:started|began|begun|came on|start)(?!\S)", before) is not None
    if match["rest"] is not None and match["rest"].split()[0] in (
        "without",
        "since",
        "i",
        "havent",
        "not",
    ):
        return False
    begin, finish = sheet.clause(first, _clause_breaks())
    return cue("duration_not").search(sheet.part(max(begin, first - 8), min(finish, first + 8))) is None


def _no_urine_near(sheet: Sheet, first: int, last: int) -> tuple[int, int] | None:
    """Tokens of "not peed" and the like in the same sentence, close by."""
    start, end = sentence_range(sheet, first)
    best: tuple[int, tuple[int, int]] | None = None
    for match in no_urine().finditer(sheet.line, start, end):
        place = sheet.indexes(*match.span())
        gap = max(first - place[1], place[0] - last, 0)
        between = sheet.part(min(last, place[1]) + 1, max(first, place[0]))
        if gap <= 6 and "#" not in between.split() and (best is None or gap < best[0]):
            best = (gap, place)
    return best[1] if best is not None else None
