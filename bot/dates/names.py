"""Names of months, weekdays and numbers, and a message brought to one spelling."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.words import english_words

MAX_TEXT = 1000
"""Characters of a message that are read."""


def words_of(text: str) -> list[str]:
    """The words of a list written as a text."""
    return text.split()


MONTHS = {
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
WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu", "friday fri",
         "saturday sat", "sunday sun")
    )
    for name in names.split()
}  # fmt: skip
_LONG_NAMES = [name for name in (*MONTHS, *WEEKDAYS) if len(name) >= 5] + ["tomorrow", "yesterday"]
_ORDINALS = {
    word: number
    for number, word in enumerate(
        words_of(
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
NUMBERS = {
    word: number
    for number, word in enumerate(words_of("one two three four five six seven eight nine ten eleven twelve"), start=1)
}
NUMBERS |= {"a": 1, "an": 1}


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


def normal(text: str) -> str:
    """Lower case, plain quotes and dashes, ordinals as figures, small typing errors in names of months and days."""
    text = unicodedata.normalize("NFKC", text[:MAX_TEXT]).lower()
    text = re.sub(r"[\u2018\u2019\u02bc`]", "'", text)
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r"\btwenty-(?=\w)", "twenty ", text).replace("thirty-first", "thirty first")
    text = re.sub(rf"\b(?:{any_of(_ORDINALS)})\b", lambda m: _suffixed(_ORDINALS[m[0]]), text)
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
