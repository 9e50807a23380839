"""Finds the wordings of the red-flag table in a message, typing errors included.

Spelling repair goes only towards words of the rules and never touches a word that is English
already, a number or a word under four letters.
Distance: optimal string alignment (a swap counts once), by rapidfuzz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from bot.triage.model import Span
from bot.triage.patterns import Match, Stream
from bot.triage.rules import Label, Rules
from bot.triage.text import Normalised, Token, WordCutter, normalise, open_dictated, open_words, squeeze
from bot.words import english_words

MAX_REPAIRS = 40
"""At most this many unknown words per message are looked up."""
MAX_WORDS = 600
"""Words beyond this number are not read."""
_SHORT, _LONG, _LONGEST = 4, 8, 24


class Speller:
    """Repairs one unknown word at a time; deterministic, without memory."""

    def __init__(self, rules: Rules, protected: frozenset[str]) -> None:
        self._english = (english_words() | protected) - rules.unprotected
        self._spellings = rules.spellings
        self._known = rules.vocabulary
        buckets: dict[int, list[str]] = defaultdict(list)
        short_forms = {word for word in rules.spellings if word.endswith("nt") and len(word) > _SHORT}
        for word in sorted(rules.vocabulary | short_forms):
            if word.isalpha() and len(word) >= _SHORT:
                buckets[len(word)].append(word)
        self._near = {
            length: [word for near in range(length - 2, length + 3) for word in buckets.get(near, ())]
            for length in range(_SHORT, _LONGEST + 3)
        }

    def knows(self, word: str) -> bool:
        """Whether the word is in the rules or is English, so that it is left alone."""
        return word in self._known or word in self._english

    def repair(self, word: str) -> tuple[str, ...]:
        """The words meant by an unknown word; the word itself where nothing is near enough."""
        if not word.isalpha() or not word.isascii():
            return (word,)
        for guess in squeeze(word):
            if guess in self._spellings:
                return self._spellings[guess]
            if self.knows(guess):
                return (guess,)
            word = guess
        if len(word) < _SHORT or len(word) > _LONGEST:
            return (word,)
        near = self._nearest(word, 1)
        if near:
            return self._spellings.get(near, (near,))
        return self._split(word) or self._spread(word)

    def _spread(self, word: str) -> tuple[str, ...]:
        far = self._nearest(word, 2) if len(word) >= _LONG else None
        return (far or word,)

    def _nearest(self, word: str, distance: int) -> str | None:
        choices = self._near.get(len(word), ())
        found = extract(word, choices, scorer=OSA.distance, score_cutoff=distance, limit=None)
        best = [
            (cost, candidate[0] != word[0], _slip(word, candidate), candidate[-1] != word[-1], candidate)
            for candidate, cost, _ in found
            if candidate[0] == word[0] or (cost == 1 and len(word) > _SHORT)
        ]
        return min(best)[-1] if best else None

    def _split(self, word: str) -> tuple[str, ...] | None:
        """The word as two or three known words run together."""
        if len(word) < 6:
            return None

        def known(part: str) -> tuple[str, ...] | None:
            if part in self._spellings:
                return self._spellings[part]
            return (part,) if part in self._known and (len(part) > 1 or part == "i") else None

        heads = [(first, word[cut:]) for cut in range(1, len(word) - 1) if (first := known(word[:cut])) is not None]
        for first, rest in reversed(heads):
            if len(rest) >= 3 and (second := known(rest)) is not None:
                return (*first, *second)
        for first, rest in reversed(heads):
            for cut in range(2, len(rest) - 2):
                middle, last = known(rest[:cut]), known(rest[cut:])
                if middle is not None and last is not None:
                    return (*first, *middle, *last)
        return None


def _slip(word: str, candidate: str) -> int:
    """How likely a slip of the finger is: swapped letters, one left out, one too many, another one."""
    if sorted(word) == sorted(candidate):
        return 0
    return {1: 1, -1: 2}.get(len(candidate) - len(word), 3)


@dataclass(frozen=True, slots=True)
class Hit:
    """A pattern found in a message: what it stands for and which words it used."""

    label: Label
    source: str
    start: int
    end: int
    used: frozenset[int]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, read: its words and everything the rules found in it."""

    normalised: Normalised
    tokens: Sequence[Token]
    stream: Stream
    hits: Sequence[Hit]

    def span(self, start: int, end: int) -> Span:
        """Characters of the original text behind the words ``start`` to ``end``."""
        return self.normalised.span(self.tokens[start].start, self.tokens[end - 1].end)

    def of(self, kind: str, name: str | None = None) -> list[Hit]:
        """Hits of one kind (row, sign, cue, mask), or of one name, in reading order."""
        return [hit for hit in self.hits if hit.label.kind == kind and (name is None or hit.label.name == name)]

    def word_at(self, char: int) -> int:
        """Index of the first word that ends after character ``char`` of the original text."""
        origin = self.normalised.origin
        for index, token in enumerate(self.tokens):
            if origin[token.end - 1] >= char:
                return index
        return max(0, len(self.tokens) - 1)


class Reader:
    """Turns text into a ``Message``. One per process; keeps nothing between messages."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._cutter = WordCutter()
        self._speller = Speller(rules, rules.protected)

    def read(self, text: str) -> Message:
        """Normalise, cut, repair and match ``text``."""
        normalised = normalise(text)
        raw = self._cutter.cut(normalised.clean)[:MAX_WORDS]
        tokens = self._repaired(open_words(open_dictated(raw), self._rules.spellings))
        engine = self._rules.engine
        stream = engine.stream([token.word for token in tokens])
        hits = [
            Hit(self._rules.labels[match.label], match.source, match.start, match.end, match.used)
            for match in self._distinct(engine.find(stream))
        ]
        return Message(normalised, tokens, stream, hits)

    @staticmethod
    def _distinct(matches: Sequence[Match]) -> list[Match]:
        """One match per label and words used, in reading order."""
        seen: dict[tuple[int, frozenset[int]], Match] = {}
        for match in matches:
            seen.setdefault((match.label, match.used), match)
        return sorted(seen.values(), key=lambda m: (m.start, m.end, m.label, m.source))

    def _repaired(self, tokens: Sequence[Token]) -> list[Token]:
        out: list[Token] = []
        repairs = 0
        for token in tokens:
            word = token.word
            if len(word) < _SHORT or not word.isalpha() or self._speller.knows(word):
                out.append(token)
                continue
            if repairs >= MAX_REPAIRS:
                out.append(token)
                continue
            repairs += 1
            parts = self._speller.repair(word)
            out.extend(Token(part, token.start, token.end) for part in parts)
        return out
