"""The dates that stand in a message, as they are written."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.dates.names import MONTHS, NUMBERS, WEEKDAYS, any_of

MAX_DATES = 5
"""Dates of a message that are looked at."""

_M = rf"(?P<month>{any_of(MONTHS)})\b(?:\.(?=\s*\d))?"
_WD = rf"(?P<wd>{any_of(WEEKDAYS)})\b(?:\.(?=\s*\d))?"
_ON_WD = rf"(?:{_WD},?\s+(?:the\s+)?)?"
_D = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_LINKED = r"\s*(?P<link>-|to|until|till|through|thru|or|and)\s*(?:the\s+)?(?P<day2>\d{1,2})(?:st|nd|rd|th)?"
_ENDS = r"(?=\s*(?:$|[.,;:!?)]|and\b|is\b|was\b|my\b))"
_Y = rf"(?:(?:,?\s*|\s*[-/.]\s*)(?P<year>\d{{4}}(?!\d)|'\d\d\b|\d\d{_ENDS}))?"
_UNITS = r"(?!\s*(?:days?|weeks?|months?|hours?|hrs?|min|mins|doses?|bags?|scans?|am|pm|mg|ml|o'clock)\b)"
_N = rf"(?P<n>\d{{1,3}}|{any_of(NUMBERS)})"
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

_NEGATED = re.compile(r"\b(?:not|isn't|isnt|wasn't|wasnt|instead\s+of|rather\s+than|except)\s+(?:on\s+)?(?:the\s+)?$")
_MOVED = re.compile(
    r"\b(?:chang|mov|postpon|delay|shift|reschedul|push|put\s+back|brought|bring)\w*\b.*\bfrom\s+(?:the\s+)?$"
)
_SCORED = re.compile(
    r"\b(?:pain|nausea|score|scale|rate|rated|level|fatigue|energy|tired|sore|bad|about\s+a)\b[^.;,!?]{0,25}$"
)


@dataclass(frozen=True)
class Mention:
    """A date in the text; ``said`` is how it was written."""

    start: int
    end: int
    kind: str
    said: str
    groups: Mapping[str, str | None]

    def number(self, name: str) -> int:
        """The figure in a group of the pattern, 0 when it has none."""
        return int(self.groups.get(name) or 0)

    @property
    def weekday(self) -> int | None:
        """The weekday that is named, Monday is 0; None when none is."""
        name = self.groups.get("wd")
        return WEEKDAYS[name] if name else None

    @property
    def yearless(self) -> bool:
        """Whether it names a day and a month and no year."""
        return self.kind in ("date", "numeric", "span") and not self.groups.get("year")


def find_mentions(text: str) -> list[Mention]:
    """The dates of a normalised text, in order."""
    found: list[Mention] = []
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
            said = re.sub(rf"\b(?:{any_of((*MONTHS, *WEEKDAYS))})\b", lambda m: m[0].capitalize(), said)
            groups = match.groupdict()
            used = kind
            if kind == "span" and groups["link"] == "to" and _MOVED.search(before):
                used, groups["day"] = "date", groups["day2"]
            found.append(Mention(match.start(), match.end(), used, said, groups))
    found.sort(key=lambda m: m.start)
    kept = [m for m in found if not _NEGATED.search(text[: m.start])]
    for old, new in itertools.pairwise(kept):
        if text[old.end : new.start].strip() in ("to", "to the", "until") and _MOVED.search(text[: old.start]):
            kept.remove(old)
            break
    return kept[:MAX_DATES]
