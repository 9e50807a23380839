"""Cut a message into the questions that stand in it, and tell a question from a report."""

from __future__ import annotations

import re

from spacy.lang.en.stop_words import STOP_WORDS

MAX_PARTS = 4
MIN_WORDS = 2
MAX_LEANING = 10
"""Words of the longest message that may live on the answer before it."""

_SENTENCE = re.compile(r"(?<=[?!.;\n])\s+|\n+")
_BEGINS = (
    r"(?:can|could|do|does|did|is|are|am|will|would|should|shall|may|must|what|when|where|which|who|why|how|if|whether|any|about|whoever)"
    r"(?:'?s|n't)?"
)
_JOIN = re.compile(
    rf"(?:,\s*|\s+)(?:and also|and|n|also|plus|then|oh and|another thing|or)\s+(?=(?:also\s+)?{_BEGINS}\b)"
    rf"|,\s+(?={_BEGINS}(?:\s+\S+){{2,}})|\s+[+&]\s+",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|^\W*(?:(?:hi|hello|hey|please|so|and|but|ok|also|er|um|well)\W+)*"
    r"(?:can|could|do|does|did|is|are|am|was|will|would|should|shall|may|might|must|have|has|what|whats|when|where"
    r"|which|who|whos|why|how|any|tell me|explain)\b"
    r"|\b(?:(?:what|how|when|why|where|which|whether) "
    r"(?:to|do|does|is|are|can|should|long|many|much|often|soon|about|if)"
    r"|is (?:it|that|this) (?:ok|okay|normal|safe|bad|serious|allowed|common|usual|expected|true|right)"
    r"|should i|can i|could i|do i need|am i allowed|is there|are there|wondering|want to know|need to know|tell me"
    r"|any idea|advice on|let me know|(?:ask|asks|asked|asking) (?:about|if|whether)|wants? (?:to|2) kno\w*"
    r"|like (?:to )?know)\b"
    r"|^\W*(?:and )?(?:about|whoever)\b",
    re.IGNORECASE,
)

_PEOPLE = "boyfriend brother carer child children dad daughter family father friend girlfriend husband kids man men mom"
_MORE_PEOPLE = "mother mum parents partner people sister someone son spouse wife woman women"
_PLACES = "home hospital house inpatient ward"
_TIMES = "day days week weeks month months year years hours times"
_SAYING = "like long need needs soon still ok okay thanks dont whats thats its ive im"
_SMALL_WORDS = STOP_WORDS.union(*map(str.split, (_PEOPLE, _MORE_PEOPLE, _PLACES, _TIMES, _SAYING))) - {
    *("call", "empty", "full", "give", "name", "serious", "show", "side", "top", "bottom", "front", "back"),
}


def questions(text: str) -> list[str]:
    """The parts of a message that can be answered on their own, at most four; one part gives an empty list."""
    parts = []
    for sentence in _SENTENCE.split(text):
        parts.extend(_JOIN.split(sentence))
    parts = [part.strip(" ,;") for part in parts if len(part.split()) >= MIN_WORDS]
    return parts[:MAX_PARTS] if len(parts) > 1 else []


def leans(text: str) -> bool:
    """Whether a message names no subject of its own, as in "and for how long?" or "does my wife have to as well?"."""
    words = _words(text)
    return bool(words) and len(words) <= MAX_LEANING and _SMALL_WORDS.issuperset(words)


def names_place(text: str) -> bool:
    """Whether a message says where, as in "how long will I be in hospital for"."""
    return not set(_PLACES.split()).isdisjoint(_words(text))


def subjects(text: str) -> frozenset[str]:
    """The words of a text that may name a subject, in lower case."""
    return frozenset(_words(text)) - _SMALL_WORDS


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace("'", "").replace("\u2019", ""))


def asks(text: str) -> bool:
    """Whether a message, or one of its parts, asks something, by its marks and words."""
    return any(_ASKS.search(part) for part in (text, *questions(text)))
