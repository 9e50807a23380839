"""Gentle spelling repair: one typo in an unknown word, only towards a word the companion knows.

"diarhea" becomes "diarrhea" and "wot" becomes "what"; a word that English or the training questions know, a number or
any other word of three letters is left alone. The patient's text itself is never changed: the repaired form is the
token's lemma.
"""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.words import english_words

TEXTING = {
    "abt": "about",
    "becuz": "because",
    "befor": "before",
    "coz": "because",
    "cuz": "because",
    "dat": "that",
    "dis": "this",
    "gonna": "going to",
    "hav": "have",
    "hosp": "hospital",
    "pls": "please",
    "plz": "please",
    "shud": "should",
    "thru": "through",
    "tmrw": "tomorrow",
    "treatmnt": "treatment",
    "ur": "your",
    "wana": "want to",
    "wanna": "want to",
    "wat": "what",
    "wats": "what's",
    "wen": "when",
    "wether": "whether",
    "wich": "which",
    "wif": "with",
    "wot": "what",
    "wots": "what's",
    "wud": "would",
}
"""Words of text messages: too short or too far off for the nearest word to be the right one."""
MIN_LENGTH = 4
LONG_WORD = 9
"""From this length on two typos are repaired."""


class Speller:
    """Repairs words towards a vocabulary."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        """Take the words that may be repaired towards, any case."""
        self.vocabulary = sorted({word.lower() for word in vocabulary if len(word) >= MIN_LENGTH and word.isalpha()})
        self._known = set(self.vocabulary)
        self._repaired: dict[str, str] = {}

    def repair(self, word: str) -> str:
        """The repaired lower-case form of ``word``, or its lower-case form when nothing fits."""
        lower = word.lower()
        if lower in TEXTING:
            return TEXTING[lower]
        if len(lower) < MIN_LENGTH or not lower.isalpha() or lower in self._known or lower in english_words():
            return lower
        if lower not in self._repaired:
            if len(self._repaired) > 10_000:
                self._repaired.clear()
            self._repaired[lower] = self._nearest(lower)
        return self._repaired[lower]

    def _nearest(self, lower: str) -> str:
        budget = 2 if len(lower) >= LONG_WORD else 1
        found = process.extractOne(lower, self.vocabulary, scorer=OSA.distance, score_cutoff=budget)
        return str(found[0]) if found else lower
