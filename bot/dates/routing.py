"""Whether a message asks for this feature, or answers a question of it, and holds nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.dates.cues import GIVEN, Cue, find_cues
from bot.dates.mentions import Mention, find_mentions
from bot.dates.model import Role
from bot.dates.names import MAX_TEXT, normal, words_of

_DATE_TALK = frozenset(
    words_of(
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
    rf"\b(?:{GIVEN}|therapy|cycle|calendar|dates|schedule|timeline|planner|plan|1st day|day (?:1|one)|d1|"
    r"start(?:ing)? date)\b"
)
_A_CALENDAR = re.compile(r"\b(?:calendar|dates|schedule|timeline|planner|ics)\b")
_THE_LAST = re.compile(rf"\b(?:{GIVEN}|therapy|last one|last day)\b")
_WORDS_OF_TREATMENT = re.compile(rf"\b(?:(?:high|low)[- ]dose|{GIVEN}|therapy)\b")
_I_START = re.compile(
    r"\b(?:i|i'm|im|we|we're|he|she|i'll) (?:am |is |are |will )?(?:starts?|starting|begins?|beginning)\b"
)
_LABELLED = re.compile(rf"^\s*(?:{'|'.join(role.replace('_', ' ') for role in Role)})\s*:")


def answers_dates(text: str) -> bool:
    """Whether a message surely asks for this feature: a day, what it is, and nothing else.

    For routing when a classifier is unsure. It is strict on purpose: one word that is no talk of dates ("fever", "flu",
    "bleeding", a negation) makes it False, so a symptom or another question is never taken. Red flags go first anyway.
    """
    said = normal(text)
    mentions = [m for m in find_mentions(said) if m.kind != "vague"]
    cues = find_cues(said, mentions)
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
    said = normal(text)
    mentions = find_mentions(said)
    return bool(mentions) and len(text) <= MAX_TEXT and _only_dates(said, mentions, find_cues(said, mentions))


def _only_dates(said: str, mentions: Sequence[Mention], cues: Sequence[Cue]) -> bool:
    """Whether nothing but talk of dates is left when the dates and the words on them are taken out."""
    rest = list(_POLITE.sub(lambda m: " " * len(m[0]), said))
    for start, end in [*((m.start, m.end) for m in mentions), *((c.start, c.end) for c in cues)]:
        rest[start:end] = " " * (end - start)
    left = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", _WORDS_OF_TREATMENT.sub(" ", "".join(rest)))
    return all(word in _DATE_TALK for word in left)
