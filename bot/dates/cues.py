"""The words that say what a date is, and in which tense: first day, last dose or scan; past or to come."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.dates.mentions import Mention
from bot.dates.model import Role

_DRUG = r"(?:il[- ]?2|proleukin|interleukin(?:[- ]?2)?|aldesleukin)"
GIVEN = rf"(?:doses?|infusions?|bags?|drips?|treatments?|injections?|shots?|{_DRUG})"
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
            rf"\b(?:last|final)\s+(?:ever\s+)?(?:{_DRUG}\s+|treatment\s+|iv\s+)?(?:{GIVEN}|one|day)\b(?!\s+(?:before|off))",
        ),
        (
            Role.LAST_DOSE,
            r"\b(?:finish(?:ed|es|ing)?|completed?|ended|came\s+off|end\s+of\s+(?:my\s+)?(?:treatment|therapy))\b",
        ),
        (Role.LAST_DOSE, rf"\b(?:{GIVEN}|therapy)\s+(?:stopped|ends|end)\b"),
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
            rf"\b1st\s+(?:ever\s+)?(?:{_DRUG}\s+|treatment\s+)?(?:{GIVEN}|day|cycle|round|course)\b(?:\s+of\s+treatment)?",
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
        ("weak", rf"\b(?:{GIVEN}|therapy)\b"),
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
_SUBORDINATE = re.compile(r"\b(?:after|before|following|since)\s+(?:(?:my|the|his|her|our)\s+)?$")


class Tense(StrEnum):
    """How a date is spoken of."""

    PAST = "past"
    PRESENT = "present"
    FUTURE = "future"
    NONE = "none"


@dataclass(frozen=True)
class Cue:
    """Words that say what a date is; ``role`` is a :class:`Role`, ``weak`` or ``other``."""

    start: int
    end: int
    role: str


def find_cues(text: str, mentions: Sequence[Mention]) -> list[Cue]:
    """The cues of a normalised text, in order."""
    found: list[Cue] = []
    for role, pattern in _CUES:
        for match in pattern.finditer(text):
            taken = any(match.start() < c.end and c.start < match.end() for c in found)
            # A word of a date is no cue, but "starts" may stand at its head: "starts Monday".
            inside = any(m.start < match.end() and match.start() < m.end for m in mentions if m.kind != "weekday")
            if not taken and not inside:
                found.append(Cue(match.start(), match.end(), role))
    said = [c for c in found if c.role not in ("weak", "other")]
    return sorted((c for c in found if c.role != "weak" or not _beside(text, c, said, mentions)), key=lambda c: c.start)


def _beside(text: str, weak: Cue, said: Sequence[Cue], mentions: Sequence[Mention]) -> bool:
    """Whether a clear cue stands in the same clause, as in "finished treatment"."""
    for cue in said:
        low, high = sorted((cue, weak), key=lambda c: c.start)
        dated = any(low.end <= m.start < high.start for m in mentions)
        if not dated and not _BREAK.search(text, low.end, high.start):
            return True
    return False


def assign(text: str, mentions: Sequence[Mention], cues: Sequence[Cue]) -> list[Cue | None]:
    """The cue that says what each date is: near, in the same clause, and each cue for one date where possible."""
    options: list[list[tuple[float, Cue | None]]] = []
    for mention in mentions:
        mine: list[tuple[float, Cue | None]] = [(200.0, None)]
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

    def total(choice: tuple[tuple[float, Cue | None], ...]) -> float:
        used = [cue for _, cue in choice if cue is not None]
        return sum(cost for cost, _ in choice) + 150 * (len(used) - len(set(used)))

    best = min(itertools.product(*options), key=total)
    chosen = [cue for _, cue in best]
    return [None if cue and _unsure_head(text, cue, cues, mentions) else cue for cue in chosen]


def _unsure_head(text: str, cue: Cue, cues: Sequence[Cue], mentions: Sequence[Mention]) -> bool:
    """Whether the cue only says when another one is: "my scan after my last dose is on ..."."""
    if not _SUBORDINATE.search(text[: cue.start]):
        return False
    heads = [c for c in cues if c.end <= cue.start and c.role not in (cue.role, "weak")]
    if not heads:
        return False
    between = text[heads[-1].end : cue.start]
    taken = any(heads[-1].end <= m.start < cue.start for m in mentions)
    return not taken and not _BREAK.search(between)


def tense_of(text: str, mention: Mention, cue: Cue | None, mentions: Sequence[Mention]) -> Tense:
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
        return Tense.NONE
    if past or future:
        return Tense.PAST if past else Tense.FUTURE
    return Tense.PRESENT if _PRESENT.search(clause) else Tense.NONE
