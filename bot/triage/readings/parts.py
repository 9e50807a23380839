"""What the finders of the single kinds share: the page of findings, vetoes, times, cue lookup."""

from __future__ import annotations

import dataclasses
import math
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache

from bot.triage.model import Reading
from bot.triage.readings.levels import level_of, normal
from bot.triage.readings.sheet import Number, Sheet
from bot.triage.readings.units import CANONICAL
from bot.triage.readings.vocabulary import alternation, vocabulary


@dataclass
class Page:
    """A sheet on which finders mark the numbers they have taken and collect readings."""

    sheet: Sheet
    taken: set[int] = field(default_factory=set)
    readings: list[Reading] = field(default_factory=list)
    times: list[Stretch] | None = None
    topics: list[tuple[int, int]] | None = None

    def free(self, index: int) -> bool:
        """Whether token ``index`` is a number nobody has taken."""
        token = self.sheet.tokens[index]
        return token.number is not None and index not in self.taken

    def add(
        self,
        kind: str,
        value: float,
        span: tuple[int, int],
        numbers: tuple[int, ...],
        *,
        days: float | None = None,
        per_hours: float | None = None,
    ) -> None:
        """Record a reading in its canonical unit and take its number tokens."""
        self.taken.update(numbers)
        text = self.sheet.text[span[0] : span[1]]
        self.readings.append(make_reading(kind, value, text, span, days=days, per_hours=per_hours))


def make_reading(
    kind: str,
    value: float,
    text: str,
    span: tuple[int, int],
    *,
    days: float | None = None,
    per_hours: float | None = None,
) -> Reading:
    """A reading with ``normal`` filled in from the thresholds."""
    draft = Reading(kind, value, CANONICAL[kind], text, span, None, days, per_hours)
    level, _ = level_of(draft)
    return dataclasses.replace(draft, normal=normal(kind, value, level))


def inside(value: float, limits: tuple[float, float]) -> bool:
    """Whether a finite value lies within limits, both included."""
    return math.isfinite(value) and limits[0] <= value <= limits[1]


@dataclass(frozen=True)
class _Vetoes:
    before: frozenset[str]
    before_decimals: frozenset[str]
    after: re.Pattern[str]
    after_single: frozenset[str]
    after_clock: frozenset[str]
    age: frozenset[str]
    own_units: frozenset[str]


@cache
def _vetoes() -> _Vetoes:
    vocab = vocabulary()
    names = ("degree", "celsius", "fahrenheit", "beats", "mmol", "mgdl", "percent")
    return _Vetoes(
        frozenset(vocab.words("not_readings", "before")),
        frozenset(vocab.words("not_readings", "before_decimals")),
        re.compile(alternation(vocab.words("not_readings", "after"))),
        frozenset(vocab.words("not_readings", "after_single")),
        frozenset(vocab.words("not_readings", "after_clock")),
        frozenset(vocab.words("not_readings", "age_before")),
        frozenset(w for name in names for w in vocab.words("units", name)) | {"°"},
    )


def follows(sheet: Sheet, index: int, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """The pattern right after token ``index``."""
    if index + 1 >= len(sheet.tokens):
        return None
    return pattern.match(sheet.line, sheet.offsets[index + 1])


def preceded_by_veto(sheet: Sheet, index: int) -> bool:
    """Whether the word before a number makes it a room, a page, a price, a dose ..."""
    before = sheet.norm(index - 1)
    vetoes = _vetoes()
    if before not in vetoes.before:
        return False
    if f"{sheet.norm(index - 2)} {before}" in _kind_of_cue():
        return False  # "top number 85"
    number = sheet.tokens[index].number
    if number is not None and number.decimals == 1 and before not in vetoes.before_decimals:
        return False
    if _named_after(sheet, index):
        return False  # "in bed 39 temp"
    if before == "no":  # "#38" and "no. 38", but "no, 38" and "no 38"
        between = sheet.text[sheet.tokens[index - 1].start : sheet.tokens[index].start]
        return "#" in between
    if before in _SPANS:  # "week 3", but "last week 144"
        return sheet.norm(index - 2) not in _SPAN_LEADS
    return True


def _named_after(sheet: Sheet, index: int) -> bool:
    """A cue or a unit of its own right behind, that does not begin another reading."""
    follower = sheet.norm(index + 1)
    if follower in _vetoes().own_units and follower not in ("f", "c"):
        return True
    own_number = {"#", "is", "was", "of"} & {sheet.norm(index + 2), sheet.norm(index + 3)}
    return _kind_of_cue().get(follower, "other") != "other" and not own_number


_SPANS = frozenset({"day", "days", "week", "year", "month"})
_SPAN_LEADS = frozenset({"last", "this", "a", "per", "next", "every", "past", "#", "other", "each", "all", "the", "to"})


def blocked(sheet: Sheet, index: int, *, ages: bool = True) -> bool:
    """Whether the neighbours of a number say that it is no reading by itself.

    Args:
        sheet: the message.
        index: token of the number.
        ages: also refuse "I'm 38".
    """
    number = sheet.tokens[index].number
    if number is None or number.form != "#" or number.vague:
        return True
    vetoes, follower = _vetoes(), sheet.norm(index + 1)
    if preceded_by_veto(sheet, index) or follows(sheet, index, vetoes.after) is not None:
        return True
    if follower in vetoes.after_single and sheet.norm(index + 2) != "#":
        return True
    if follower in vetoes.after_clock and number.value <= 12:
        return True
    if number.glued and not cue_at(sheet, index - 1):
        return True
    if not ages or not number.whole or number.value >= 99 or number.with_tail is not None:
        return False
    two_before = f"{sheet.norm(index - 2)} {sheet.norm(index - 1)}"
    is_age = sheet.norm(index - 1) in vetoes.age or two_before in vetoes.age
    return is_age and follower not in vetoes.own_units


@cache
def _comparing() -> tuple[re.Pattern[str], re.Pattern[str]]:
    vocab = vocabulary()
    below, above = vocab.words("comparing", "below"), vocab.words("comparing", "above")
    return re.compile(alternation(below) + "$"), re.compile(alternation(above) + "$")


def beyond(sheet: Sheet, index: int) -> float:
    """-1 for "under 36", +1 for "over 110", else 0."""
    before = sheet.part(max(0, index - 3), index)
    below, above = _comparing()
    if below.search(before):
        return -1.0
    return 1.0 if above.search(before) else 0.0


def compared(kind: str, value: float, direction: float, step: float) -> float:
    """The value, moved a step beyond where only that carries a level ("under 36" is below 36)."""
    if not direction:
        return value
    draft = make_reading(kind, value, "", (0, 0))
    moved = make_reading(kind, round(value + direction * step, 4), "", (0, 0))
    return moved.value if level_of(moved)[0] > level_of(draft)[0] else value


@cache
def time_marks() -> frozenset[str]:
    """Words of then and now that may stand beside a value ("was 39 this morning, 37 now")."""
    vocab = vocabulary()
    return frozenset(vocab.words("weight_words", "earlier")) | frozenset(vocab.words("weight_words", "later"))


def marked(sheet: Sheet, first: int, last: int, words: frozenset[str]) -> bool:
    """Whether one of the words stands close before or after tokens ``first`` to ``last``.

    Another number, a comma, a full stop, "and" and "but" end the search.
    """
    stops = (",", ".", "#", "and", "but")
    for at in range(first - 1, max(first - 5, -1), -1):
        if sheet.norm(at) in stops:
            break
        if sheet.norm(at) in words:
            return True
    for at in range(last + 1, min(last + 4, len(sheet.tokens))):
        if sheet.norm(at) in (*stops, "to", "from", "now", "was") and sheet.norm(at) not in words:
            break
        if sheet.norm(at) == "#" or sheet.norm(at) in ("from", "was"):
            break
        if sheet.norm(at) in words:
            return True
    return False


# --- cues ----------------------------------------------------------------------------------------

CUE_KINDS = ("temperature", "pulse", "systolic", "oxygen", "sugar", "weight", "other")


@cache
def _kind_of_cue() -> dict[str, str]:
    vocab = vocabulary()
    table: dict[str, str] = {}
    for kind in CUE_KINDS:
        for phrase in vocab.words("cues", kind):
            table.setdefault(phrase, kind)
    return table


@cache
def _cue_pattern() -> re.Pattern[str]:
    return re.compile(alternation(_kind_of_cue()))


@dataclass(frozen=True)
class Cue:
    """A word that says what is measured, at tokens ``first`` to ``last``."""

    kind: str
    first: int
    last: int


def cue_at(sheet: Sheet, index: int) -> bool:
    """Whether one token by itself is a cue ("temp38", "bp85")."""
    return sheet.norm(index) in _kind_of_cue()


def cues_of(sheet: Sheet) -> list[Cue]:
    """All cues of a message in their order."""
    kinds = _kind_of_cue()
    found = []
    for match in _cue_pattern().finditer(sheet.line):
        first, last = sheet.indexes(*match.span())
        phrase = match.group()
        before = sheet.norm(first - 1)
        if phrase == "hr" and before in ("#", "an", "per", "every"):
            continue  # hours
        if phrase in ("t", "sat", "sys", "ox", "stats", "heart", "hearts") and not _close(sheet, last, 5):
            continue  # "I sat down"
        if phrase in ("pain", "rash", "cough", "age", "t", "fm", "score") and not _close(sheet, last, 3):
            continue
        found.append(Cue(kinds[phrase], first, last))
    return found


def _close(sheet: Sheet, last: int, reach: int) -> bool:
    return any(sheet.norm(i) == "#" for i in range(last + 1, last + 1 + reach))


REACH = 16
"""How many tokens a cue may stand before its number."""


def nearest_cue(sheet: Sheet, cues: list[Cue], index: int) -> Cue | None:
    """The cue a number belongs to: the nearest before it in its sentence, else right after it."""
    first, last = sheet.sentence(index)
    before = [c for c in cues if first <= c.first and c.last < index]
    coordinated = _coordinated(sheet, before, index)
    if coordinated is not None:
        return coordinated
    if before and index - before[-1].last <= REACH:
        numbers_between = any(sheet.norm(i) == "#" for i in range(before[-1].last + 1, index))
        follower = _right_after(sheet, cues, index, last)
        own_before = sheet.norm(before[-1].first - 1) == "#"  # "39.1 temp 91 sats"
        if follower is not None and (numbers_between or own_before or follower.kind == "other"):
            return follower
        return before[-1]
    follower = _right_after(sheet, cues, index, last)
    if follower is not None:
        return follower
    return _carried(sheet, cues, index, first, last)


def _right_after(sheet: Sheet, cues: list[Cue], index: int, last: int) -> Cue | None:
    for cue in cues:
        if index < cue.first <= min(index + 5, last - 1):
            gap = range(index + 1, cue.first)
            words = [sheet.norm(i) for i in gap]
            if len(words) > 1 and words[1] == "#" and words[0] in ("and", "to", "-", "or"):
                words = words[2:]  # "between 38 and 39 temperature"
            if all(word not in ("#", ",", "and", "but") for word in words):
                # a cue with a number of its own behind it belongs to that number
                own = any(sheet.norm(i) == "#" for i in range(cue.last + 1, cue.last + 4))
                return None if own else cue
    return None


def _coordinated(sheet: Sheet, before: list[Cue], index: int) -> Cue | None:
    """Reads "Temp and pulse 38.5 and 110": the first number to the first cue."""
    if len(before) < 2:
        return None
    second, first = before[-1], before[-2]
    between = {sheet.norm(i) for i in range(first.last + 1, second.first)}
    if not between <= {"and", "/", ",", "my"} or not between:
        return None
    numbers = [i for i in range(second.last + 1, index + 1) if sheet.norm(i) == "#"]
    following = [i for i in range(index + 1, min(index + 4, len(sheet.tokens))) if sheet.norm(i) == "#"]
    if len(numbers) == 1 and len(following) == 1:
        return first
    return None


@cache
def bare_words() -> frozenset[str]:
    """Words that may stand around a number that answers a question."""
    return frozenset(vocabulary().words("bare", "words"))


def is_bare(sheet: Sheet, first: int, last: int) -> bool:
    """Whether tokens ``first`` to ``last`` (excluded) are a number and words beside the point."""
    return all(t.number is not None or t.norm in bare_words() for t in sheet.tokens[first:last])


def _carried(sheet: Sheet, cues: list[Cue], index: int, first: int, last: int) -> Cue | None:
    """Reads "Took my temperature. It's 39.": the topic of the sentence before."""
    if first < 2 or not is_bare(sheet, first, last):
        return None
    start, end = sheet.sentence(first - 2)
    previous = [c for c in cues if start <= c.first < end]
    return previous[-1] if previous else None


# --- time ----------------------------------------------------------------------------------------


@cache
def _hour_words() -> dict[str, float]:
    vocab = vocabulary()
    hours = {
        "minute": 1 / 60, "hour": 1.0, "day": 24.0, "night": 24.0, "week": 168.0,
        "fortnight": 336.0, "month": 720.0,
    }  # fmt: skip
    return {w: h for name, h in hours.items() for w in vocab.words("units", name)}


@cache
def time_unit() -> str:
    """A pattern for a unit of time."""
    return alternation(_hour_words())


def unit_hours(word: str) -> float:
    """Hours in a unit of time as written."""
    return _hour_words()[word]


@cache
def since_words() -> dict[str, float]:
    """Hours since a named moment."""
    return vocabulary().numbers("time", "since")


@cache
def weekdays() -> frozenset[str]:
    """Names of weekdays."""
    return frozenset(vocabulary().words("time", "weekdays"))


@dataclass(frozen=True)
class Stretch:
    """A stretch of time: hours where known, ``weekday`` for "since Monday", line positions."""

    hours: float | None
    weekday: bool
    start: int
    end: int


@cache
def _stretch_pattern() -> re.Pattern[str]:
    vocab = vocabulary()
    unit = time_unit()
    during = alternation(vocab.numbers("time", "during"))
    since = alternation([*since_words(), *(f"last {d}" for d in weekdays()), *weekdays()])
    about = r"(?:(?:about|around|nearly|almost|over|only|at least|just|roughly|like|more than) ){0,2}"
    return re.compile(
        rf"(?<!\S)(?:(?:since|from|after) (?P<since>{since})"
        rf"|(?P<lead>in|over|within|during|for|the|past|last|this past|these) "
        rf"(?:(?:the|past|last|only) ){{0,2}}{about}(?P<q>#|an?(?!\S)|the|past|last) ?(?P<unit>{unit})"
        rf"|(?P<q2>#|an?(?!\S)) (?P<unit2>{unit})(?P<ago> (?:ago|later|now|straight|running|solid))?"
        rf"|(?:per|each|every|the) (?P<unit3>{unit})"
        rf"|(?:on )?(?P<weekday>{alternation(weekdays())})"
        rf"|(?P<during>{during}))"
    )


def stretches(page: Page, start: int, end: int) -> list[Stretch]:
    """Every stretch of time named within a range of the line."""
    if page.times is None:
        page.times = _all_stretches(page.sheet)
    low = bisect_left(page.times, start, key=lambda s: s.start)
    found = []
    for stretch in page.times[low:]:
        if stretch.start >= end:
            break
        if stretch.end <= end:
            found.append(stretch)
    return found


def _all_stretches(sheet: Sheet) -> list[Stretch]:
    found = []
    for match in _stretch_pattern().finditer(sheet.line):
        hours: float | None = None
        weekday = False
        if match["since"]:
            word = match["since"]
            hours = since_words().get(word)
            weekday = hours is None
        elif match["unit"] or match["unit2"]:
            name = "unit" if match["unit"] else "unit2"
            quantity = match["q" if name == "unit" else "q2"]
            count = 1.0
            if quantity == "#":
                number = _number_at(sheet, match.start("q" if name == "unit" else "q2"))
                count = number.value if number is not None else 1.0
            hours = count * unit_hours(match[name])
        elif match["unit3"]:
            hours = unit_hours(match["unit3"])
        elif match["weekday"]:
            weekday = True
        else:
            hours = vocabulary().numbers("time", "during")[match["during"]]
        found.append(Stretch(hours, weekday, match.start(), match.end()))
    return found


def _number_at(sheet: Sheet, position: int) -> Number | None:
    return sheet.tokens[sheet.index(position)].number


def number_at(sheet: Sheet, position: int) -> tuple[int, Number]:
    """Token index and number at a position of the line where a pattern matched ``#``."""
    index = sheet.index(position)
    number = sheet.tokens[index].number
    assert number is not None, "patterns match # only where a number stands"
    return index, number


def sentence_range(sheet: Sheet, index: int) -> tuple[int, int]:
    """Start and end position in the line of the sentence around a token (``CLAUSE_REACH``)."""
    first, last = sheet.clause(index, frozenset())
    if last <= first:
        return 0, 0
    return sheet.offsets[first], sheet.offsets[last - 1] + len(sheet.tokens[last - 1].norm)
