"""My dates: reads the dates in a patient's message, counts the days, and makes a calendar file.

A date that can be read in two ways, does not exist or does not fit becomes a question; nothing is guessed. The module
holds no patient wording: texts are responses of ``domain.yml`` whose names begin with ``utter_dates_``, handed in as a
mapping. It is pure: no clock, no Rasa, no state. All days are calendar days without a time zone; the caller passes
``today`` as it is where the patient is.

Figures: kca (6-7 days in hospital, a week at home, scan 4-8 weeks after), goodrx and aldesleukin_iv (5 days on, 9 off).

The grammar of dates is written here and not left to dateparser or ``dateutil.parser``. Both choose where this module
has to ask: dateparser 1.5 reads "10/13" as 10 November 2013, "I may" as a day in May and "Monday the 5th" as a
Thursday; dateutil 2.9 reads "2026-10-03" with the day first as 10 March; both hide whether a date was impossible or
merely not found. Months, years and weekdays are counted by dateutil.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta
from icalendar import Calendar, Event
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.clinic import fill
from bot.words import english_words

MAX_TEXT = 1000
"""Characters of a message that are read."""
MAX_DATES = 5
"""Dates of a message that are looked at."""
MAX_BUTTONS = 4
FAR_YEARS = 2
"""A date further off than this is asked about."""
CLOSE_DAYS = 90
"""Said as past but this close ahead in the coming year, or the other way round: the year is asked for."""
TIE_DAYS = 30
"""Two years whose dates are about equally near to today: the year is asked for."""


class Role(StrEnum):
    """What happens on a date."""

    FIRST_DAY = "first_day"
    LAST_DOSE = "last_dose"
    SCAN = "scan"


class Kind(StrEnum):
    """What is wrong with the dates of a message, the most pressing first."""

    IMPOSSIBLE = "impossible"
    TOO_FAR = "too_far"
    WEEKDAY = "weekday"
    AMBIGUOUS = "ambiguous"
    ROLE = "role"
    ORDER = "order"
    MISSING = "missing"


@dataclass(frozen=True)
class Dates:
    """The three dates this feature works with; None where unknown."""

    first_day: date | None = None
    last_dose: date | None = None
    scan: date | None = None

    def items(self) -> Iterator[tuple[Role, date]]:
        """The known dates with their roles, in the order of the treatment."""
        for role in Role:
            day = getattr(self, role)
            if day is not None:
                yield role, day


@dataclass(frozen=True)
class Problem:
    """One thing to ask about.

    Attributes:
        kind: what is wrong.
        role: the role concerned, or None when it is unknown.
        said: the date as the patient wrote it, or "".
        day: the date it was read as, when there is one.
        detail: for ``order``: ``passed``, ``ahead``, ``scan_first`` or ``last_dose_first``.
    """

    kind: Kind
    role: Role | None = None
    said: str = ""
    day: date | None = None
    detail: str = ""


@dataclass(frozen=True)
class Request:
    """The dates found in a message.

    Attributes:
        dates: what is settled.
        problems: what has to be asked, the most pressing first; empty when the request can be answered.
        alternatives: the possible readings, for ``ambiguous`` and ``role`` problems and some of ``order``.
        bare: readings of a date that has no role yet, when it is ambiguous as well.
        about: the roles that this message gave a date to.
    """

    dates: Dates = field(default_factory=Dates)
    problems: tuple[Problem, ...] = ()
    alternatives: tuple[Dates, ...] = ()
    bare: tuple[date, ...] = ()
    about: frozenset[Role] = frozenset()

    @property
    def first_day(self) -> date | None:
        """First day of treatment."""
        return self.dates.first_day

    @property
    def last_dose(self) -> date | None:
        """Day of the last dose."""
        return self.dates.last_dose

    @property
    def scan(self) -> date | None:
        """Day of a scan with contrast dye."""
        return self.dates.scan

    @property
    def asks(self) -> Role | None:
        """The role that a bare date in the next message has, for ``read(..., asked=...)``; None when it has none."""
        if not self.problems:
            return Role.LAST_DOSE if self.scan and not self.last_dose else None
        return self.problems[0].role


# -- words -------------------------------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    return text.split()


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february febr feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sept sep", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu", "friday fri",
         "saturday sat", "sunday sun")
    )
    for name in names.split()
}  # fmt: skip
_LONG_NAMES = [name for name in (*_MONTHS, *_WEEKDAYS) if len(name) >= 5] + ["tomorrow", "yesterday"]
_ORDINALS = {
    word: number
    for number, word in enumerate(
        _words(
            """
            first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
            fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
            """
        ),
        start=1,
    )
}
_ORDINALS |= {f"twenty {word}": 20 + _ORDINALS[word] for word in list(_ORDINALS)[:9]}
_ORDINALS |= {"thirtieth": 30, "thirty first": 31}
_NUMBERS = {
    word: number
    for number, word in enumerate(_words("one two three four five six seven eight nine ten eleven twelve"), start=1)
}
_NUMBERS |= {"a": 1, "an": 1}


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_M = rf"(?P<month>{_any(_MONTHS)})\b(?:\.(?=\s*\d))?"
_WD = rf"(?P<wd>{_any(_WEEKDAYS)})\b(?:\.(?=\s*\d))?"
_ON_WD = rf"(?:{_WD},?\s+(?:the\s+)?)?"
_D = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_LINKED = r"\s*(?P<link>-|to|until|till|through|thru|or|and)\s*(?:the\s+)?(?P<day2>\d{1,2})(?:st|nd|rd|th)?"
_ENDS = r"(?=\s*(?:$|[.,;:!?)]|and\b|is\b|was\b|my\b))"
_Y = rf"(?:(?:,?\s*|\s*[-/.]\s*)(?P<year>\d{{4}}(?!\d)|'\d\d\b|\d\d{_ENDS}))?"
_UNITS = r"(?!\s*(?:days?|weeks?|months?|hours?|hrs?|min|mins|doses?|bags?|scans?|am|pm|mg|ml|o'clock)\b)"
_N = rf"(?P<n>\d{{1,3}}|{_any(_NUMBERS)})"
_UNIT = r"(?P<unit>days?|weeks?|wks?|fortnights?)"
_GOES_ON = (
    r"(?=\s*(?:$|[.,;:!?)]|(?:and|but|or|so|then|if|is|was|will|my|i|we|he|she|please|at|in|for|to|what|when|where|which|"
    r"can|could|do|does|with|until|till|as|that|this|the|start|starts|begins|how)\b))"
)
_NOT_SHARES = r"(?!\s*(?:a|an|of|tsp|teaspoons?|tbsp|cups?|tablets?|pills?|pints?|litres?|liters?|mg|ml|the)\b)"

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("iso", r"(?<![\d/.-])(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?![\d])"),
        (
            "numeric",
            (
                rf"{_ON_WD}(?<![\d/.-])(?P<a>\d{{1,2}})\s?(?P<sep>[-/.])\s?(?P<b>\d{{1,2}})\s?(?P=sep)\s?"
                r"(?P<year>\d{4}|\d\d)(?![\d]|[/.-]\d)"
            ),
        ),
        ("numeric", rf"{_ON_WD}(?<![\d/.-])(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})(?![\d%]|[/.-]\d){_NOT_SHARES}"),
        ("span", rf"{_ON_WD}(?<!day )(?<!days )(?<!cycle )\b{_D}{_LINKED}\s*(?:of\s+)?{_M}{_Y}"),
        ("span", rf"{_ON_WD}\b{_M}\s*(?:the\s+)?{_D}{_LINKED}(?![\d:/]){_UNITS}{_Y}"),
        ("date", rf"{_ON_WD}\b{_D}\s*(?:of\s+|[-/.]\s*)?{_M}{_Y}"),
        ("date", rf"{_ON_WD}\b{_M}\s*-?\s*(?:the\s+)?{_D}(?!\d|[:/]\d){_UNITS}{_Y}"),
        (
            "day",
            (
                rf"(?:\b{_WD},?\s+(?:on\s+)?(?:the\s+)?|\b(?:on\s+the|on|the|is|from)\s+)(?P<day>\d{{1,2}})(?:st|nd|rd|th)\b"
                rf"(?:\s+(?:of\s+)?(?P<which>this|next)\s+month)?{_GOES_ON}"
            ),
        ),
        ("offset", r"\b(?P<named>(?:the\s+)?day\s+after\s+tomorrow|(?:the\s+)?day\s+before\s+yesterday)\b"),
        ("offset", r"\ba\s+week\s+(?:from\s+)?(?P<named>today|tomorrow)\b(?P<week>)"),
        ("weekday", rf"\b(?:a\s+week\s+(?:on|from|this)\s+(?:next\s+)?{_WD}(?P<week>))"),
        ("weekday", rf"\b{_WD}\s+week\b(?P<week>)"),
        ("offset", rf"\bin\s+{_N}\s+{_UNIT}(?:'?\s+time)?\b(?:,?\s+on\s+(?:a\s+)?{_WD})?"),
        ("offset", rf"\b{_N}\s+{_UNIT}\s+(?:from|after)\s+(?:now|today)\b"),
        ("offset", rf"\b{_N}\s+{_UNIT}\s+(?P<ago>ago|back)\b(?:,?\s+on\s+(?:a\s+)?{_WD})?"),
        ("weekday", rf"\b{_WD}\s+(?:of\s+)?(?P<mod>next|last)\s+week\b(?P<weekly>)"),
        ("weekday", rf"\b(?P<mod>next|last)\s+week,?\s+(?:on\s+)?{_WD}(?P<weekly>)"),
        ("weekday", rf"\b(?P<mod>next|last|this(?:\s+(?:coming|past))?|coming|past)\s+{_WD}"),
        ("weekday", rf"\b(?:on|since|from|by|is|was|starts?|started)\s+(?:a\s+|the\s+)?{_WD}"),
        ("weekday", r"\b(?P<wd>monday|tuesday|wednesday|thursday|friday|saturday|sunday|tues|thurs|thur|fri)\b"),
        ("offset", r"\b(?P<named>today|tonight|tomorrow|tmrw|2moro|yesterday)\b" + rf"(?:,?\s+\(?{_WD})?"),
        (
            "vague",
            rf"\b(?:in|early|mid|late|during|by|of|this|next|last|end|start|since)[\s-]+{_M}(?:\s+(?:19|20)\d\d)?",
        ),
        ("vague", r"\b(?:january|february|april|june|july|august|september|october|november|december)\b"),
        ("vague", r"\b(?:next|this|last|the\s+other)\s+(?:week|weekend|month|year)\b"),
        (
            "vague",
            r"\b(?:in|about|around)?\s*(?:a|\d+|\w+)\s+(?:couple\s+of\s+|few\s+)?(?:months?|years?)(?:\s+(?:ago|time|back))",
        ),
        ("vague", r"\bin\s+(?:a|\d+|\w+)\s+(?:months?|years?)\b"),
        ("vague", r"\b(?:a\s+)?(?:couple(?:\s+of)?|few|several)\s+(?:days|weeks|months|years)\b"),
    )
)

_DRUG = r"(?:il[- ]?2|proleukin|interleukin(?:[- ]?2)?|aldesleukin)"
_GIVEN = rf"(?:doses?|infusions?|bags?|drips?|treatments?|injections?|shots?|{_DRUG})"
_CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (role, re.compile(pattern))
    for role, pattern in (
        (
            "other",
            (
                r"\b(?:born|birthday|date\s+of\s+birth|dob|diagnosed|surgery|operation|discharged?|(?:go|went|come|sent|be)\s+home|"
                r"(?:get|got|let|came)\s+out)\b"
            ),
        ),
        (
            "other",
            r"\b(?:last|final)\s+(?:day|dose|infusion)\s+of\s+(?:(?:my|the|his|her)\s+)?(?:cycle\s*(?:1|one)|1st\s+(?:cycle|round|course))",
        ),
        (
            "other",
            (
                r"\b(?:(?:2nd|3rd|next|last|previous|other)\s+(?:cycle|round|course|lot|block|stay)|cycle\s*(?:[2-9]|two|three))"
                r"(?:\s+(?:of\s+(?:treatment\s+)?)?(?:starts?|started|starting|begins?|began))?\b"
            ),
        ),
        (
            Role.LAST_DOSE,
            rf"\b(?:last|final)\s+(?:ever\s+)?(?:{_DRUG}\s+|treatment\s+|iv\s+)?(?:{_GIVEN}|one|day)\b(?!\s+(?:before|off))",
        ),
        (
            Role.LAST_DOSE,
            r"\b(?:finish(?:ed|es|ing)?|completed?|ended|came\s+off|end\s+of\s+(?:my\s+)?(?:treatment|therapy))\b",
        ),
        (Role.LAST_DOSE, rf"\b(?:{_GIVEN}|therapy)\s+(?:stopped|ends|end)\b"),
        (Role.LAST_DOSE, r"\b(?:my|his|her|the)\s+last\s+(?=was\b|is\b)"),
        (
            Role.SCAN,
            (
                r"\b(?:(?:ct|cat|pet|mri|dye|contrast)[\s-]+)*(?:scans?|ct|mri|pet|x-?ray|angiogram|imaging|dye|contrast)\b"
                r"(?:\s+(?:with|using)\s+(?:the\s+|a\s+)?(?:contrast|dye)(?:\s+dye)?)?"
            ),
        ),
        (
            Role.FIRST_DAY,
            rf"\b1st\s+(?:ever\s+)?(?:{_DRUG}\s+|treatment\s+)?(?:{_GIVEN}|day|cycle|round|course)\b(?:\s+of\s+treatment)?",
        ),
        (Role.FIRST_DAY, r"\b(?:day|cycle|round)\s*(?:1|one)\b|\bd1\b"),
        (Role.FIRST_DAY, r"\b(?:start(?:ing)?|admission|beginning)\s+(?:date|day)\b"),
        (
            Role.FIRST_DAY,
            r"\b(?:starts?|started|starting|begins?|began|begun|beginning|commenc(?:e|es|ed|ing)|admitted|admission)\b",
        ),
        (
            Role.FIRST_DAY,
            r"\b(?:go|goes|going|went|check(?:ed|ing|s)?)\s+in(?:to)?\b(?!\s+(?:to\s+)?(?:remission|for\s+a\s+scan))",
        ),
        (Role.FIRST_DAY, r"\b(?:timeline|calendar|schedule|plan|dates|days|count)\b[^.,;!?\d]{0,20}?\bfrom\b"),
        ("weak", rf"\b(?:{_GIVEN}|therapy)\b"),
    )
)

_BREAK = re.compile(r"[.;:!?,\n]|\b(?:and|but|then|so)\b")
_PAST = re.compile(
    r"\b(?:was|were|had|started|began|begun|went|finished|ended|completed?|stopped|ago|since|came|been)\b"
)
_FUTURE = re.compile(
    r"\b(?:will|'ll|ll|starts?|starting|begins?|beginning|commences?|going|gonna|booked|due|scheduled|planned|goes?|next|coming|"
    r"have|has|having|finish|finishes|ends)\b"
)
_PRESENT = re.compile(r"\b(?:is|are|'s|s)\b")
_NOUN_START = re.compile(r"\b(?:start|starting|beginning)\s+(?:date|day)\b")
_NEGATED = re.compile(r"\b(?:not|isn't|isnt|wasn't|wasnt|instead\s+of|rather\s+than|except)\s+(?:on\s+)?(?:the\s+)?$")
_MOVED = re.compile(
    r"\b(?:chang|mov|postpon|delay|shift|reschedul|push|put\s+back|brought|bring)\w*\b.*\bfrom\s+(?:the\s+)?$"
)
_SCORED = re.compile(
    r"\b(?:pain|nausea|score|scale|rate|rated|level|fatigue|energy|tired|sore|bad|about\s+a)\b[^.;,!?]{0,25}$"
)
_SUBORDINATE = re.compile(r"\b(?:after|before|following|since)\s+(?:(?:my|the|his|her|our)\s+)?$")


class _Tense(StrEnum):
    PAST = "past"
    PRESENT = "present"
    FUTURE = "future"
    NONE = "none"


@dataclass(frozen=True)
class _Mention:
    """A date in the text; ``said`` is how it was written."""

    start: int
    end: int
    kind: str
    said: str
    groups: Mapping[str, str | None]

    def number(self, name: str) -> int:
        return int(self.groups.get(name) or 0)

    @property
    def weekday(self) -> int | None:
        name = self.groups.get("wd")
        return _WEEKDAYS[name] if name else None

    @property
    def yearless(self) -> bool:
        return self.kind in ("date", "numeric", "span") and not self.groups.get("year")


@dataclass(frozen=True)
class _Cue:
    start: int
    end: int
    role: str


def _normal(text: str) -> str:
    """Lower case, plain quotes and dashes, ordinals as figures, small typing errors in names of months and days."""
    text = unicodedata.normalize("NFKC", text[:MAX_TEXT]).lower()
    text = re.sub(r"[\u2018\u2019\u02bc`]", "'", text)
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r"\btwenty-(?=\w)", "twenty ", text).replace("thirty-first", "thirty first")
    text = re.sub(rf"\b(?:{_any(_ORDINALS)})\b", lambda m: _suffixed(_ORDINALS[m[0]]), text)
    # Figures of other scripts are no dates here: "\d" must mean 0-9 for int() and for the reader.
    text = "".join(c if c.isascii() or not c.isdigit() else " " for c in text)
    return re.sub(r"[a-z]{5,10}", lambda m: _repaired(m[0]), text)


def _suffixed(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


@functools.lru_cache(maxsize=4096)
def _repaired(word: str) -> str:
    if word in _LONG_NAMES or word in english_words():
        return word
    limit = 2 if len(word) >= 7 else 1
    close = process.extract(word, _LONG_NAMES, scorer=OSA.distance, score_cutoff=limit, limit=2)
    best = [name for name, distance, _ in close if distance == close[0][1]]
    return best[0] if len(best) == 1 and best[0][0] == word[0] else word


def _mentions(text: str) -> list[_Mention]:
    """The dates of a normalised text, in order."""
    found: list[_Mention] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < m.end and m.start < match.end() for m in found):
                continue
            before = text[: match.start()]
            if kind == "numeric" and not match.groupdict().get("year"):
                pair = (int(match["a"]), int(match["b"]))
                bare = not re.search(r"\b(?:on|from|is|was)\s*$", before)
                scored = pair[1] == 10 and _SCORED.search(before) and not re.search(r"\b(?:on|from)\s*$", before)
                if max(pair) > 39 or scored or (bare and pair == (24, 7)):
                    continue
            said = match[0].strip()
            said = re.sub(r"^(?:on the|on|the|is|was|since|from|by|starts?|started) ", "", said)
            said = re.sub(rf"\b(?:{_any((*_MONTHS, *_WEEKDAYS))})\b", lambda m: m[0].capitalize(), said)
            groups = match.groupdict()
            used = kind
            if kind == "span" and groups["link"] == "to" and _MOVED.search(before):
                used, groups["day"] = "date", groups["day2"]
            found.append(_Mention(match.start(), match.end(), used, said, groups))
    found.sort(key=lambda m: m.start)
    kept = [m for m in found if not _NEGATED.search(text[: m.start])]
    for old, new in itertools.pairwise(kept):
        if text[old.end : new.start].strip() in ("to", "to the", "until") and _MOVED.search(text[: old.start]):
            kept.remove(old)
            break
    return kept[:MAX_DATES]


def _cues(text: str, mentions: Sequence[_Mention]) -> list[_Cue]:
    found: list[_Cue] = []
    for role, pattern in _CUES:
        for match in pattern.finditer(text):
            taken = any(match.start() < c.end and c.start < match.end() for c in found)
            # A word of a date is no cue, but "starts" may stand at its head: "starts Monday".
            inside = any(m.start < match.end() and match.start() < m.end for m in mentions if m.kind != "weekday")
            if not taken and not inside:
                found.append(_Cue(match.start(), match.end(), role))
    said = [c for c in found if c.role not in ("weak", "other")]
    return sorted((c for c in found if c.role != "weak" or not _beside(text, c, said, mentions)), key=lambda c: c.start)


def _beside(text: str, weak: _Cue, said: Sequence[_Cue], mentions: Sequence[_Mention]) -> bool:
    """Whether a clear cue stands in the same clause, as in "finished treatment"."""
    for cue in said:
        low, high = sorted((cue, weak), key=lambda c: c.start)
        dated = any(low.end <= m.start < high.start for m in mentions)
        if not dated and not _BREAK.search(text, low.end, high.start):
            return True
    return False


def _assign(text: str, mentions: Sequence[_Mention], cues: Sequence[_Cue]) -> list[_Cue | None]:
    """The cue that says what each date is: near, in the same clause, and each cue for one date where possible."""
    options: list[list[tuple[float, _Cue | None]]] = []
    for mention in mentions:
        mine: list[tuple[float, _Cue | None]] = [(200.0, None)]
        before = [c for c in cues if c.start < mention.start or (c.start < mention.end and mention.kind == "weekday")]
        after = [c for c in cues if c.start >= mention.end]
        for cue in (before[-1:] or []) + after[:1]:
            first, last = sorted(((cue.start, cue.end), (mention.start, mention.end)))
            low, high = first[1], last[0]
            if any(low <= m.start and m.end <= high for m in mentions if m is not mention):
                continue
            between = text[low:high]
            cost = len(between) + 40 * len(_BREAK.findall(between)) + 60 * len(re.findall(r"[.!?\n]", between))
            cost += (5 if cue.start > mention.start else 0) + (30 if cue.role == "weak" else 0)
            mine.append((cost, cue))
        options.append(mine)

    def total(choice: tuple[tuple[float, _Cue | None], ...]) -> float:
        used = [cue for _, cue in choice if cue is not None]
        return sum(cost for cost, _ in choice) + 150 * (len(used) - len(set(used)))

    best = min(itertools.product(*options), key=total)
    chosen = [cue for _, cue in best]
    return [None if cue and _unsure_head(text, cue, cues, mentions) else cue for cue in chosen]


def _unsure_head(text: str, cue: _Cue, cues: Sequence[_Cue], mentions: Sequence[_Mention]) -> bool:
    """Whether the cue only says when another one is: "my scan after my last dose is on ..."."""
    if not _SUBORDINATE.search(text[: cue.start]):
        return False
    heads = [c for c in cues if c.end <= cue.start and c.role not in (cue.role, "weak")]
    if not heads:
        return False
    between = text[heads[-1].end : cue.start]
    taken = any(heads[-1].end <= m.start < cue.start for m in mentions)
    return not taken and not _BREAK.search(between)


def _tense(text: str, mention: _Mention, cue: _Cue | None, mentions: Sequence[_Mention]) -> _Tense:
    """How a date is spoken of, from the words of its clause."""
    low = max([m.end for m in mentions if m.end <= mention.start] + [0])
    high = min([m.start for m in mentions if m.start >= mention.end] + [len(text)])
    breaks = [low + m.end() for m in _BREAK.finditer(text[low : mention.start])]
    if breaks and not (cue and low <= cue.start < breaks[-1]):
        low = breaks[-1]
    elif cue and low <= cue.start < mention.start:
        low = max([b for b in breaks if b <= cue.start] + [low])
    after = _BREAK.search(text, mention.end, high)
    high = after.start() if after else high
    if cue and mention.end <= cue.start:
        high = max(high, cue.end)
    clause = _NOUN_START.sub(" ", f"{text[low : mention.start]} {mention.said.lower()} {text[mention.end : high]}")
    if mention.start < (cue.end if cue else 0) and cue:
        clause = f"{text[cue.start : cue.end]} {clause}"
    if mention.kind == "weekday":
        clause = f"{text[mention.start : mention.end].rsplit(' ', 1)[0]} {clause}"
    past, future = bool(_PAST.search(clause)), bool(_FUTURE.search(clause))
    if past and future:
        return _Tense.NONE
    if past or future:
        return _Tense.PAST if past else _Tense.FUTURE
    return _Tense.PRESENT if _PRESENT.search(clause) else _Tense.NONE


# -- from words to days ------------------------------------------------------------------------------------------------


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _full_year(mention: _Mention, today: date) -> int:
    year = (mention.groups.get("year") or "").lstrip("'")
    return int(year) if len(year) == 4 else today.year // 100 * 100 + int(year)


def _nearest_years(month: int, day: int, role: Role | None, tense: _Tense, today: date) -> tuple[date, ...]:
    """Readings of a date without a year; several when the year has to be asked for, none when there is none near."""
    years = range(today.year - 1, today.year + 2)
    near = [d for year in years if (d := _day(year, month, day)) and abs(d - today) <= timedelta(days=366)]
    past, ahead = [d for d in near if d < today], [d for d in near if d >= today]
    if today in ahead:
        return (today,)
    if not past or not ahead:
        if not near:
            return ()
        return (past[-1] if past else ahead[0],)
    back, on = today - past[-1], ahead[0] - today
    close = timedelta(days=CLOSE_DAYS)
    if tense is _Tense.PAST:
        return (past[-1], ahead[0]) if on <= close < back else (past[-1],)
    if tense is _Tense.FUTURE or role is Role.SCAN:
        return (past[-1], ahead[0]) if back <= close < on else (ahead[0],)
    if abs(back - on) < timedelta(days=TIE_DAYS):
        return (past[-1], ahead[0])
    return (past[-1] if back < on else ahead[0],)


def _far(day: date, today: date) -> bool:
    """Whether a day is more than two years off; at the ends of the calendar everything is."""
    try:
        return not today - relativedelta(years=FAR_YEARS) <= day <= today + relativedelta(years=FAR_YEARS)
    except (ValueError, OverflowError):
        return True


def _ahead(tense: _Tense, role: Role | None) -> bool | None:
    """Whether a weekday or a day of the month is ahead; None when nothing says so."""
    if tense is _Tense.PAST:
        return False
    if tense in (_Tense.FUTURE, _Tense.PRESENT) or role is Role.SCAN:
        return True
    return None


def _weekday_readings(mention: _Mention, role: Role | None, tense: _Tense, today: date) -> tuple[date, ...]:
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


def _day_of_month_readings(mention: _Mention, role: Role | None, tense: _Tense, today: date) -> tuple[date, ...]:
    """Readings of "the 5th": in the month where it comes next, or came last; none when that month has no such day."""
    day, which = mention.number("day"), mention.groups.get("which")
    month = today.replace(day=1)
    if which:
        month += relativedelta(months=1 if which == "next" else 0)
        found = _day(month.year, month.month, day)
        return (found,) if found else ()
    before, after = month - relativedelta(months=1), month + relativedelta(months=1)
    ahead = _day(month.year, month.month, day) if day >= today.day else _day(after.year, after.month, day)
    back = _day(month.year, month.month, day) if day <= today.day else _day(before.year, before.month, day)
    forward = _ahead(tense, role)
    wanted = (back, ahead) if forward is None else (ahead,) if forward else (back,)
    return tuple(sorted({d for d in wanted if d}))


def _offset(mention: _Mention, today: date) -> date:
    named = mention.groups.get("named")
    if named:
        days = {"today": 0, "tonight": 0, "yesterday": -1}.get(named, 1)
        if "after" in named or "before" in named:
            days = 2 if "after" in named else -2
        return today + timedelta(days=days + (7 if mention.groups.get("week") is not None else 0))
    number = str(mention.groups["n"])
    unit = str(mention.groups["unit"])
    size = 1 if unit.startswith("d") else 14 if unit.startswith("f") else 7
    count = _NUMBERS.get(number) or int(number)
    return today + timedelta(days=count * size * (-1 if mention.groups.get("ago") else 1))


_ORDERS = {"uk": "dm", "us": "md"}


def _possible(mention: _Mention) -> list[str]:
    """Day-month orders in which a numeric date exists in some year, or in its own."""
    year = mention.groups.get("year")
    checked = 2000 if not year else int(year) if len(year) == 4 else 2000 + int(year)
    a, b = mention.number("a"), mention.number("b")
    return [order for order, (day, month) in {"dm": (a, b), "md": (b, a)}.items() if _day(checked, month, day)]


def _orders(mentions: Sequence[_Mention], country: str) -> list[str]:
    """The orders to try; two mean that the patient is asked."""
    known = _ORDERS.get(country)
    shown = {p[0] for m in mentions if m.kind == "numeric" and len(p := _possible(m)) == 1}
    if known:
        return [known] if shown <= {known} else ["dm", "md"]
    return sorted(shown) if len(shown) == 1 else ["dm", "md"]


def _readings(mention: _Mention, role: Role | None, tense: _Tense, order: str, today: date) -> tuple[date, ...]:
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
        month = _MONTHS[str(mention.groups["month"])]
        if mention.kind == "span":
            both = [*days, mention.number("day2")]
            whole = mention.groups["link"] not in ("or", "and")
            days = (
                both[:1] if whole and role is Role.FIRST_DAY else both[1:] if whole and role is Role.LAST_DOSE else both
            )
    if mention.groups.get("year"):
        found = [_day(_full_year(mention, today), month, d) for d in days]
        return tuple(d for d in found if d) if all(found) else ()
    yearless = [_nearest_years(month, d, role, tense, today) for d in days]
    return tuple(dict.fromkeys(itertools.chain(*yearless))) if all(yearless) else ()


@dataclass(frozen=True)
class _Placed:
    """A date with its role and tense."""

    mention: _Mention
    role: Role | None
    tense: _Tense


def _checked(placed: _Placed, order: str, today: date) -> tuple[tuple[date, ...], Problem | None]:
    """The readings of one date under one day-month order, or the problem with it."""
    mention, role = placed.mention, placed.role
    try:
        found = _readings(mention, role, placed.tense, order, today)
    except (OverflowError, ValueError):  # beyond the ends of the calendar
        return (), Problem(Kind.TOO_FAR, role, mention.said)
    if not found:
        return (), Problem(Kind.IMPOSSIBLE, role, mention.said)
    near = tuple(d for d in found if not _far(d, today))
    if not near:
        return (), Problem(Kind.TOO_FAR, role, mention.said, found[0])
    weekday = mention.weekday
    if weekday is not None and mention.kind not in ("weekday", "span"):
        fitting = tuple(d for d in near if d.weekday() == weekday)
        if not fitting:
            return (), Problem(Kind.WEEKDAY, role, mention.said, near[0])
        near = fitting
    return near, None


def read(
    text: str,
    today: date,
    country: str = "",
    asked: Role | None = None,
    known: Dates = Dates(),
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
    said = _normal(text)
    mentions = _mentions(said)
    cues = _cues(said, mentions)
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


def _place(said: str, mentions: Sequence[_Mention], cues: Sequence[_Cue], asked: Role | None) -> list[_Placed]:
    placed = []
    for mention, cue in zip(mentions, _assign(said, mentions, cues), strict=True):
        if cue and cue.role == "other":
            continue
        role = Role(cue.role) if cue and cue.role != "weak" else None
        placed.append(_Placed(mention, role, _tense(said, mention, cue, mentions)))
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


def _without_role(placed: _Placed, mentions: Sequence[_Mention], country: str, today: date, known: Dates) -> Request:
    """A date that nothing is said about: ask what it is, after its reading is clear."""
    options: dict[date, None] = {}
    problem: Problem | None = None
    for order in _orders(mentions, country):
        found, wrong = _checked(placed, order, today)
        options |= dict.fromkeys(found)
        problem = problem or wrong
    if not options and problem:
        return Request(known, (problem,))
    days = tuple(options)
    if len(days) > 1:
        return Request(known, (Problem(Kind.AMBIGUOUS, None, placed.mention.said),), bare=days)
    ways = tuple(Dates(**{role.value: days[0]}) for role in Role)
    return Request(known, (Problem(Kind.ROLE, None, placed.mention.said, days[0]),), ways)


def _settle(placed: Sequence[_Placed], country: str, today: date, known: Dates) -> Request:
    """One reading of all dates with a role, or the questions that lead to it."""
    orders = _orders([p.mention for p in placed], country)
    ways, problems = _ways(placed, orders, today, known)
    if country in _ORDERS and ways and all(map(_out_of_order, ways)):
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
    placed: Sequence[_Placed], orders: Sequence[str], today: date, known: Dates
) -> tuple[tuple[Dates, ...], list[Problem]]:
    """All readings of the dates together, under each day-month order, and what is wrong with the others."""
    ways: dict[Dates, None] = {}
    problems: list[Problem] = []
    for order in orders:
        options: dict[Role, dict[date, None]] = {}
        wrong: list[Problem] = []
        for item in placed:
            found, problem = _checked(item, order, today)
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


def _said(placed: Sequence[_Placed], way: Dates) -> set[Role]:
    """The roles to write on a button: those of the message, and the known ones that go with them."""
    roles = {p.role for p in placed if p.role}
    if roles & {Role.LAST_DOSE, Role.SCAN}:
        roles |= {role for role, _ in way.items() if role is not Role.FIRST_DAY}
    return roles


def _agree(ways: Sequence[Dates], role: Role) -> bool:
    return len({getattr(way, role) for way in ways}) == 1


def _scan_after_last_dose(
    placed: Sequence[_Placed], options: dict[Role, dict[date, None]], order: str, today: date, known: Dates
) -> None:
    """A scan without a year may also be the first such day after the last dose, though that has gone by."""
    scans = [p for p in placed if p.role is Role.SCAN and p.mention.yearless]
    last = list(options.get(Role.LAST_DOSE, {})) or [d for d in (known.last_dose,) if d]
    if len(scans) != 1 or not last or not options[Role.SCAN]:
        return
    for dose in last:
        for found in _checked(scans[0], order, dose)[0]:
            if found >= dose and not _far(found, today):
                options[Role.SCAN].setdefault(found)


def _out_of_order(dates: Dates) -> str:
    if dates.last_dose and dates.scan and dates.scan < dates.last_dose:
        return "scan_first"
    if dates.first_day and dates.last_dose and dates.last_dose < dates.first_day:
        return "last_dose_first"
    return ""


def _in_time(dates: Dates, placed: Sequence[_Placed], today: date) -> Request:
    """Check the order of the dates and that what is said as past is past."""
    wrong = _out_of_order(dates)
    if wrong:
        role = Role.SCAN if wrong == "scan_first" else Role.LAST_DOSE
        return Request(dates, (Problem(Kind.ORDER, role, day=getattr(dates, role), detail=wrong),))
    for item in placed:
        if not item.role:
            continue
        day: date = getattr(dates, item.role)
        passed = item.tense is _Tense.FUTURE and day < today
        ahead = item.tense is _Tense.PAST and day > today
        if passed or ahead:
            other = _day(day.year + (1 if passed else -1), day.month, day.day)
            days = [d for d in (day, other) if d and not _far(d, today)]
            if item.mention.kind in ("offset", "weekday"):
                days = days[:1]
            mine = _only(dates, _said(placed, dates))
            ways = tuple(way for d in days if not _out_of_order(way := replace(mine, **{item.role.value: d})))
            detail = "passed" if passed else "ahead"
            settled = replace(dates, **{item.role.value: None})
            return Request(settled, (Problem(Kind.ORDER, item.role, item.mention.said, day, detail),), ways)
    return Request(dates)


# -- counting ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """Some days of the plan, both ends included."""

    key: str
    first: date
    last: date


def calendar(first_day: date) -> tuple[Entry, ...]:
    """The plan of one course, counted from its first day; an estimate in every entry.

    Entries, in days of the course where the first day is day 1:
        cycle_1: 1-5. hospital_1: 1-7 (6 to 7 days in hospital). break: 6-14 (7 to 9 days: leaflets differ).
        cycle_2_start: 13-15, the days on which cycle 2 may start (after 7 to 9 days). cycle_2: 15-19, after 9 days.
        hospital_2: 15-21. scan: 4 to 8 weeks after the last treatment day, which is day 17 to 19.

    Raises:
        OverflowError: when the plan goes beyond the year 9999.
    """

    def days(key: str, first: int, last: int) -> Entry:
        return Entry(key, first_day + timedelta(days=first - 1), first_day + timedelta(days=last - 1))

    return (
        days("cycle_1", 1, 5),
        days("hospital_1", 1, 7),
        days("break", 6, 14),
        days("cycle_2_start", 13, 15),
        days("cycle_2", 15, 19),
        days("hospital_2", 15, 21),
        days("scan", 17 + 4 * 7, 19 + 8 * 7),
    )


def scan_after(last_dose: date) -> Entry:
    """The days of the check scan, 4 to 8 weeks after the last dose.

    Raises:
        OverflowError: beyond the year 9999.
    """
    return Entry("scan", last_dose + timedelta(weeks=4), last_dose + timedelta(weeks=8))


def entries(dates: Dates) -> tuple[Entry, ...]:
    """What goes into the calendar file: the plan, with the scan counted from the last dose when that is known.

    Raises:
        OverflowError: beyond the year 9999.
    """
    scan = (scan_after(dates.last_dose),) if dates.last_dose else ()
    plan = calendar(dates.first_day) if dates.first_day else ()
    return (*(entry for entry in plan if not scan or entry.key != "scan"), *scan)


class Place(StrEnum):
    """Where a scan falls in a leaflet's time for reactions to contrast dye."""

    INSIDE = "inside"
    UNCLEAR = "unclear"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Windows:
    """A scan in the leaflets' times.

    Attributes:
        days: days from the last dose to the scan.
        places: for each leaflet id, where the scan falls.
    """

    days: int
    places: Mapping[str, Place]


SEVERAL_MONTHS = 6
"""Months that surely count as "several"; a leaflet gives no number, so from here to a year it is unclear."""


def scan_windows(last_dose: date, scan: date) -> Windows:
    """Place a scan with contrast dye in the times of the three leaflets that name one.

    goodrx: less than a month after the last dose. aldesleukin_iv: several months. upmc: up to a year and that day.

    Raises:
        ValueError: when the scan is before the last dose.
        OverflowError: beyond the year 9999.
    """
    if scan < last_dose:
        raise ValueError("The scan is before the last dose.")
    a_year = last_dose + relativedelta(years=1)
    several = Place.OUTSIDE
    if scan <= a_year:
        several = Place.INSIDE if scan <= last_dose + relativedelta(months=SEVERAL_MONTHS) else Place.UNCLEAR
    return Windows(
        days=(scan - last_dose).days,
        places={
            "goodrx": Place.INSIDE if scan < last_dose + relativedelta(months=1) else Place.OUTSIDE,
            "aldesleukin_iv": several,
            "upmc": Place.INSIDE if scan <= a_year else Place.OUTSIDE,
        },
    )


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


# -- what the patient reads --------------------------------------------------------------------------------------------

_MONTH_NAMES = tuple(dict.fromkeys(next(n for n, v in _MONTHS.items() if v == i).capitalize() for i in range(1, 13)))
_WEEKDAY_NAMES = tuple(next(n for n, v in _WEEKDAYS.items() if v == i).capitalize() for i in range(7))


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


# -- routing -----------------------------------------------------------------------------------------------------------

_DATE_TALK = frozenset(
    _words(
        """
    a about after add all also an and are as at be been before between booked but by calendar calendars carer cancer
    cycle cycles date dates daughter day days doctor dad due each end file final first for from give had has have
    having he hello her hers hi him his home hospital how husband i i'm im iv i've ive i'd i'll if in is it its it's
    later leaflet leaflets made make me mom mother much mum my next now of off on one or our out own partner phone plan
    planned please put put rest round said says schedule scheduled second see she show so son start starting tell
    thank thanks that that's thats the their them then there they this time timeline to treatment until up was we
    we're week weeks were what whats what's when where which wife will with within work would you your booked begin
    fall falls does do long first far apart count counts countdown planner ics inside outside window windows safe ok
    okay allowed mean meant sorry yes too early soon close gap enough got hes he's shes she's into mum's dad's dads mums
    """
    )
)
_POLITE = re.compile(r"\b(?:can|could|would|will) (?:you|u)\b")
_ALLOWING = re.compile(r"\b(?:can|could|may|should|must|am|do|shall) (?:i|we|he|she|they)\b|\bwhat if\b")
_THE_TREATMENT = re.compile(
    rf"\b(?:{_GIVEN}|therapy|cycle|calendar|dates|schedule|timeline|planner|plan|1st day|day (?:1|one)|d1|"
    r"start(?:ing)? date)\b"
)
_A_CALENDAR = re.compile(r"\b(?:calendar|dates|schedule|timeline|planner|ics)\b")
_THE_LAST = re.compile(rf"\b(?:{_GIVEN}|therapy|last one|last day)\b")
_WORDS_OF_TREATMENT = re.compile(rf"\b(?:(?:high|low)[- ]dose|{_GIVEN}|therapy)\b")
_I_START = re.compile(
    r"\b(?:i|i'm|im|we|we're|he|she|i'll) (?:am |is |are |will )?(?:starts?|starting|begins?|beginning)\b"
)
_LABELLED = re.compile(rf"^\s*(?:{'|'.join(role.replace('_', ' ') for role in Role)})\s*:")


def answers_dates(text: str) -> bool:
    """Whether a message surely asks for this feature: a day, what it is, and nothing else.

    For routing when a classifier is unsure. It is strict on purpose: one word that is no talk of dates ("fever", "flu",
    "bleeding", a negation) makes it False, so a symptom or another question is never taken. Red flags go first anyway.
    """
    said = _normal(text)
    mentions = [m for m in _mentions(said) if m.kind != "vague"]
    cues = _cues(said, mentions)
    roles = {c.role for c in cues} - {"other"}
    if not mentions or not roles or len(text) > MAX_TEXT:
        return False
    if not _LABELLED.search(said.replace("1st", "first")):
        if Role.LAST_DOSE in roles:
            named = bool(_THE_LAST.search(said))
        elif roles == {"weak"}:
            named = bool(_A_CALENDAR.search(said))
        else:
            named = roles != {Role.SCAN} and bool(_THE_TREATMENT.search(said) or _I_START.search(said))
        if not named or _ALLOWING.search(said):
            return False
    return _only_dates(said, mentions, cues)


def replies_with_date(text: str) -> bool:
    """Whether a message that follows a question of this feature answers it: a day or a month, and nothing else.

    Also true for a day that does not exist, which ``read`` then asks about; false for "hungry again since Monday".
    """
    said = _normal(text)
    mentions = _mentions(said)
    return bool(mentions) and len(text) <= MAX_TEXT and _only_dates(said, mentions, _cues(said, mentions))


def _only_dates(said: str, mentions: Sequence[_Mention], cues: Sequence[_Cue]) -> bool:
    """Whether nothing but talk of dates is left when the dates and the words on them are taken out."""
    rest = list(_POLITE.sub(lambda m: " " * len(m[0]), said))
    for start, end in [*((m.start, m.end) for m in mentions), *((c.start, c.end) for c in cues)]:
        rest[start:end] = " " * (end - start)
    left = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", _WORDS_OF_TREATMENT.sub(" ", "".join(rest)))
    return all(word in _DATE_TALK for word in left)
