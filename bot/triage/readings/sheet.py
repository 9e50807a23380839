"""A message laid out for the readings: words in comparable form, numbers found and valued.

``lay_out`` turns a text into a ``Sheet``. Its ``line`` is the message as one string of tokens
joined by single spaces, in which every number stands as ``#`` (``#x`` for "twice" or "3x", ``#th``
for "5th"), so that short regular expressions can describe how patients write a reading, and every
token still knows its characters in the original text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from bot.triage.readings.vocabulary import normalise_word, vocabulary

STOP = "."
"""Token at the end of a sentence."""

CLAUSE_REACH = 24
"""How many tokens a clause may reach from a number; keeps very long sentences cheap."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as spoken or typed.

    Attributes:
        value: its value.
        decimals: digits after the decimal mark.
        whole_only: no decimal mark or fraction.
        with_tail: value if a following single digit is a decimal ("thirty-nine two" = 39.2).
        tail_end: character at which that digit ends.
        form: ``#``, ``#x`` (times) or ``#th`` (ordinal).
        glued: letters stand directly before it ("T38", "B12").
        vague: "a couple", "a few".
    """

    value: float
    decimals: int = 0
    with_tail: float | None = None
    tail_end: int = 0
    form: str = "#"
    glued: bool = False
    vague: bool = False

    @property
    def whole(self) -> bool:
        """Whether it was given without decimals."""
        return self.decimals == 0


@dataclass(frozen=True, slots=True)
class Token:
    """One token: comparable form, characters in the original text, number if it is one."""

    norm: str
    start: int
    end: int
    number: Number | None = None


@dataclass(frozen=True)
class Sheet:
    """A message as tokens and as one searchable line."""

    text: str
    tokens: tuple[Token, ...]
    line: str
    offsets: tuple[int, ...]
    sentences: tuple[tuple[int, int], ...]

    def index(self, position: int) -> int:
        """Index of the token that covers a position in ``line``."""
        return max(0, bisect_right(self.offsets, position) - 1)

    def indexes(self, start: int, end: int) -> tuple[int, int]:
        """First and last token index of a non-empty range in ``line``."""
        return self.index(start), self.index(max(start, end - 1))

    def characters(self, first: int, last: int) -> tuple[int, int]:
        """Characters of the original text from token ``first`` to ``last``, inclusive."""
        return self.tokens[first].start, self.tokens[last].end

    def norm(self, index: int) -> str:
        """The token's comparable form; a sentence end outside the message."""
        return self.tokens[index].norm if 0 <= index < len(self.tokens) else STOP

    def sentence(self, index: int) -> tuple[int, int]:
        """First and last-plus-one token index of the sentence around a token."""
        return self.sentences[index]

    def clause(self, index: int, breaks: frozenset[str]) -> tuple[int, int]:
        """The piece of the sentence around a token, also ended by the given words.

        It reaches at most ``CLAUSE_REACH`` tokens to either side.
        """
        start, end = self.sentences[index]
        start, end = max(start, index - CLAUSE_REACH), min(end, index + CLAUSE_REACH)
        first = index
        while first > start and self.tokens[first - 1].norm not in breaks:
            first -= 1
        last = index
        while last < end and self.tokens[last].norm not in breaks:
            last += 1
        return first, last

    def part(self, first: int, last: int) -> str:
        """The line of tokens ``first`` to ``last`` (excluded)."""
        return " ".join(t.norm for t in self.tokens[first:last])


_APOSTROPHE = "['\u2019\u2018`\u00b4\u02bc]"
_FRACTIONS = {"\u00bd": 0.5, "\u00bc": 0.25, "\u00be": 0.75}


@cache
def _token_pattern() -> re.Pattern[str]:
    odd = "|".join(
        re.escape(w) for w in sorted(vocabulary().words("numbers", "words_with_digits"), key=len, reverse=True)
    )
    return re.compile(
        rf"(?P<odd>(?<!\w)(?:{odd})(?![\w]))"
        r"|(?P<ampm>[ap]\.\s?m\b\.?)"
        r"|(?P<abbr>(?<!\w)(?:[a-z]\.){2,4}(?!\w))"
        # dates, clock times, telephone numbers, anything with three parts
        r"|(?P<date>\d{1,4}(?P<sep>[/.\-])\d{1,2}(?P=sep)\d{2,4}(?!\d)"
        r"|\d{1,2}:\d{2}(?::\d{2})?(?!\d)"
        r"|\+\d[\d \-]{6,18}\d|(?<!\d)0\d{2,5}[ \-]?\d{3,4}[ \-]?\d{3,4}(?!\d)"
        r"|\(?\d{3}\)?[ \-]\d{3}[ \-]\d{4}(?!\d)|(?<!\d)\d{3}-\d{4}(?!\d)|\d{7,}"
        r"|\d+(?:[.,]\d+){2,})"
        r"|(?P<num>\d{1,3},\d{3}(?![\d])|\d{1,6}(?:[.,\u00b7'\u2019]\d{1,4}(?!\d))?)"
        r"|(?P<half>[\u00bd\u00bc\u00be])"
        rf"|(?P<word>[^\W\d_\u00ba\u00bd\u00bc\u00be]+(?:{_APOSTROPHE}[^\W\d_]+)*)"
        r"|(?P<stop>[.!?\u2026;\n\r]+)"
        r"|(?P<sign>[\u00b0\u00ba%/,\-\u2013\u2014:\u00a3$\u20ac#~+\u00d7=()&<>])",
        re.IGNORECASE,
    )


_SIGNS = {
    "\u00ba": "°",
    "\u00b0": "°",
    "\u2013": "-",
    "\u2014": "-",
    "\u00d7": "x",
    "#": "no",
    "&": "and",
}
_SAME = {"its": "it", "and": "and"}


@cache
def _typo_safe() -> tuple[str, ...]:
    return vocabulary().words("cues", "typo_safe")


@cache
def _swaps() -> dict[str, str]:
    """Every word that matters with two neighbouring letters swapped, to the word itself."""
    vocab = vocabulary()
    lists = [
        *(vocab.words("cues", k) for k in _SWAP_CUES),
        *(vocab.words("counting", k) for k in ("vomiting", "diarrhea", "urine", "times")),
        *(vocab.words("weight_words", k) for k in ("gain", "loss")),
        *(tuple(vocab.numbers("numbers", k)) for k in ("units", "teens", "tens")),
        *(vocab.words("units", k) for k in _SWAP_UNITS),
        *(vocab.words("weather", k) for k in ("outdoors", "appliances", "rooms")),
        *(vocab.words("not_readings", k) for k in ("before", "after", "after_single")),
        vocab.words("cues", "swap_safe"),
    ]
    in_order = (w for phrases in lists for phrase in phrases for w in phrase.split())
    words = dict.fromkeys(w for w in in_order if len(w) >= 4 and w.isalpha())
    real = set(words) | set(vocab.words("cues", "no_typo"))
    table: dict[str, str] = {}
    for word in words:
        for i in range(len(word) - 1):
            swapped = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            if swapped not in real:
                table.setdefault(swapped, word)
    return table


_SWAP_CUES = ("temperature", "pulse", "systolic", "oxygen", "sugar", "weight", "sure")
_SWAP_UNITS = ("pound", "kilogram", "stone", "hour", "week", "degree", "percent", "cup")


@lru_cache(maxsize=8192)
def _repair(word: str) -> str:
    """The word meant: letters swapped back, or a long cue word one slip away (two from nine on)."""
    if word in _swaps():
        return _swaps()[word]
    if len(word) < 6:
        return word
    allowed = 2 if len(word) >= 9 else 1
    best, best_distance = word, allowed + 1
    for known in _typo_safe():
        if abs(len(known) - len(word)) > allowed:
            continue
        distance = OSA.distance(word, known, score_cutoff=allowed)
        if distance < best_distance:
            best, best_distance = known, distance
    return best


@lru_cache(maxsize=8192)
def _normal(word: str) -> str:
    return _repair(normalise_word(word))


@dataclass(slots=True)
class _Raw:
    norm: str
    start: int
    end: int
    value: float | None = None
    decimals: int = 0
    digits: bool = False


def _raw_tokens(text: str) -> list[_Raw]:
    found: list[_Raw] = []
    for match in _token_pattern().finditer(text):
        group = match.lastgroup
        start, end = match.span()
        piece = match.group()
        if group == "num":
            mark = next((c for c in piece if not c.isdigit()), "")
            whole, _, rest = piece.partition(mark) if mark else (piece, "", "")
            if mark == "," and len(rest) == 3:
                whole, rest = whole + rest, ""
            value = float(f"{whole}.{rest or 0}")
            found.append(_Raw("#", start, end, value, len(rest), digits=True))
        elif group == "word":
            found.append(_Raw(_normal(piece), start, end))
        elif group == "odd":
            found.append(_Raw(re.sub(r"[\s\-/]", "", piece.lower()).replace("sp02", "spo2"), start, end))
        elif group == "ampm":
            found.append(_Raw("am" if piece[0] in "aA" else "pm", start, end))
        elif group == "abbr":
            found.append(_Raw(piece.replace(".", "").lower(), start, end))
        elif group == "half":
            found.append(_Raw("half", start, end, _FRACTIONS[piece], 1))
        elif group == "stop":
            if not found or found[-1].norm != STOP:
                found.append(_Raw(STOP, start, end))
        elif group == "sign":
            found.append(_Raw(_SIGNS.get(piece, piece), start, end))
        else:
            found.append(_Raw("<other>", start, end))
    return _without_hyphens(found)


def _without_hyphens(raw: list[_Raw]) -> list[_Raw]:
    """Drop hyphens inside compounds ("thirty-nine", "38-year-old"); keep those between numbers."""
    kept: list[_Raw] = []
    for i, token in enumerate(raw):
        if token.norm in ("-", ":", "=") and 0 < i < len(raw) - 1:
            before, after = raw[i - 1], raw[i + 1]
            if token.norm != "-":
                continue
            inside = before.end == token.start and token.end == after.start
            if inside and not (before.value is not None and after.value is not None):
                continue
        kept.append(token)
    return kept


@dataclass(frozen=True)
class _Words:
    units: dict[str, float]
    teens: dict[str, float]
    tens: dict[str, float]
    glued: dict[str, float]
    zero: frozenset[str]
    hundred: frozenset[str]
    point: frozenset[str]
    ordinals: dict[str, float]
    ordinal_nouns: frozenset[str]
    vague: dict[str, float]
    measures: frozenset[str]
    halves: frozenset[str]
    no_tail_before: frozenset[str]
    starts: frozenset[str]


@cache
def _words() -> _Words:
    vocab = vocabulary()
    units, teens = vocab.numbers("numbers", "units"), vocab.numbers("numbers", "teens")
    tens = vocab.numbers("numbers", "tens")
    glued = {t + u: tv + uv for t, tv in tens.items() for u, uv in units.items()}
    names = [
        "pound", "kilogram", "stone", "millilitre", "litre", "us_fluid_ounce", "cup", "pint",
        "minute", "hour", "day", "night", "week", "fortnight", "month",
    ]  # fmt: skip
    measures = frozenset(w for name in names for w in vocab.words("units", name) if " " not in w)
    return _Words(
        units,
        teens,
        tens,
        glued,
        frozenset(vocab.words("numbers", "zero")),
        frozenset(vocab.words("numbers", "hundred")),
        frozenset(vocab.words("numbers", "point")),
        vocab.numbers("numbers", "ordinals"),
        frozenset(vocab.words("counting", "ordinal_nouns")),
        vocab.numbers("numbers", "vague"),
        measures,
        measures - {"h", "l", "c", "st"} | {"dozen"},
        frozenset(w.split()[0] for w in vocab.words("not_readings", "after"))
        | frozenset(vocab.words("counting", "times"))
        | frozenset(vocab.words("counting", "episodes"))
        | {"#", "x", "/", "or"},
        frozenset({*units, *teens, *tens, *glued, "a", "an", "another", "once", "twice", "thrice"})
        | frozenset({"half", "quarter", "x"})
        | frozenset(vocab.words("numbers", "hundred"))
        | frozenset(vocab.numbers("numbers", "ordinals"))
        | frozenset(vocab.numbers("numbers", "vague")),
    )


class _Reader:
    """Reads number words off a list of raw tokens."""

    def __init__(self, raw: list[_Raw], text: str) -> None:
        self.raw = raw
        self.text = text
        self.w = _words()

    def norm(self, i: int) -> str:
        return self.raw[i].norm if i < len(self.raw) else STOP

    def _unit(self, i: int) -> float | None:
        return self.w.units.get(self.norm(i))

    def _below_hundred(self, i: int) -> tuple[float, int] | None:
        word = self.norm(i)
        if word in self.w.tens:
            unit = self._unit(i + 1)
            if unit is None and i + 1 < len(self.raw) and self._small_digit(i + 1):
                unit = self.raw[i + 1].value if self.raw[i + 1].decimals == 0 else None
            if unit is not None:
                return self.w.tens[word] + unit, i + 2
            return self.w.tens[word], i + 1
        for table in (self.w.teens, self.w.units, self.w.glued):
            if word in table:
                return table[word], i + 1
        return None

    def whole(self, i: int) -> tuple[float, int] | None:
        """A whole number in words at ``i``, and the index after it."""
        start, word, hundreds = i, self.norm(i), 1.0
        article = word in ("a", "an")
        counts = article or word in self.w.units or self._small_digit(i)
        if counts and self.norm(i + 1) in self.w.hundred:
            hundreds = 1.0 if article else (self.w.units.get(word) or self.raw[i].value or 1.0)
            i += 1
            word = self.norm(i)
        if word in self.w.hundred:
            after = i + 2 if self.norm(i + 1) == "and" else i + 1
            rest = self._below_hundred(after)
            if self.norm(after) in self.w.zero and self._unit(after + 1) is not None:
                rest = (self._unit(after + 1) or 0.0, after + 2)
            if rest is not None and self.norm(rest[1]) not in self.w.hundred:
                return hundreds * 100 + rest[0], rest[1]
            return hundreds * 100, i + 1
        i = start
        unit = self._unit(i)
        if unit is not None:
            follow = self.norm(i + 1)
            last = self._unit(i + 2)
            if follow in self.w.zero and last is not None:
                return unit * 100 + last, i + 3
            if unit <= 4 and (follow in self.w.tens or follow in self.w.teens):
                rest = self._below_hundred(i + 1)
                if rest is not None:
                    return unit * 100 + rest[0], rest[1]
        return self._below_hundred(i)

    def _small_digit(self, i: int) -> bool:
        value = self.raw[i].value
        return self.raw[i].digits and value is not None and 1 <= value <= 9

    def _decimal_digits(self, i: int) -> tuple[str, int]:
        digits = ""
        while i < len(self.raw) and len(digits) < 3:
            token = self.raw[i]
            if token.digits and token.decimals == 0 and token.value is not None:
                piece = self.text[token.start : token.end]
                if not digits and piece.isdigit() and len(piece) <= 2:
                    return str(int(piece)) if len(piece) == 1 else piece, i + 1
                break
            unit = self.w.units.get(token.norm)
            if unit is None and token.norm in self.w.zero:
                unit = 0.0
            if unit is None:
                break
            digits += str(int(unit))
            i += 1
        return digits, i

    def number(self, i: int) -> tuple[Number, int] | None:
        """A number at token ``i`` in any form, and the index after it."""
        token = self.raw[i]
        special = self._special(i)
        if special is not None:
            return special
        digits = token.digits and token.value is not None
        decimals = token.decimals
        value = token.value or 0.0
        after = i + 1
        if not digits or self.norm(i + 1) in self.w.hundred:
            spoken = self.whole(i)
            if spoken is not None:
                value, after = spoken
            elif not digits:
                return None
        if decimals == 0 and self.norm(after) in self.w.point:
            text, end = self._decimal_digits(after + 1)
            if text:
                value, decimals, after = float(f"{int(value)}.{text}"), len(text), end
        value, decimals, after = self._fraction(value, decimals, after)
        form, after = self._form(i, after, digits)
        tail, tail_end = self._tail(value, decimals, after)
        glued = digits and i > 0 and self.raw[i - 1].end == token.start and self.raw[i - 1].norm.isalpha()
        return Number(value, decimals, tail, tail_end, form, glued), after

    def _special(self, i: int) -> tuple[Number, int] | None:
        word = self.norm(i)
        if word in ("once", "twice", "thrice"):
            return Number({"once": 1.0, "twice": 2.0}.get(word, 3.0), form="#x"), i + 1
        if word == "half":
            value = self.raw[i].value or 0.5
            j = i + 1
            if self.norm(j) in ("a", "an"):
                j += 1
            if self.norm(j) == "dozen":
                return Number(6.0), j + 1
            if self.norm(j) in self.w.halves:
                return Number(value, decimals=1), j
            return None
        j = i + 1 if word in ("a", "another", "an") else i
        if self.norm(j) == "quarter":
            k = j + 1
            while self.norm(k) in ("of", "a", "an"):
                k += 1
            return (Number(0.25, decimals=2), k) if self.norm(k) in self.w.halves else None
        if self.norm(j) in self.w.vague:
            value = self.w.vague[self.norm(j)]
            if self.norm(j) == "couple" and j == i and self.norm(j + 1) != "of":
                value = 2.0
            end = j + 1
            if self.norm(end) == "of":
                end += 1
            return Number(value, vague=True), end
        if word in self.w.ordinals and self.norm(i + 1) in self.w.ordinal_nouns:
            return Number(self.w.ordinals[word], form="#th"), i + 1
        if word == "x" and i + 1 < len(self.raw) and self.raw[i + 1].digits:
            following = self.raw[i + 1]
            if following.decimals == 0 and following.value is not None:
                return Number(following.value, form="#x"), i + 2
        return None

    def _fraction(self, value: float, decimals: int, after: int) -> tuple[float, int, int]:
        if decimals:
            return value, decimals, after
        j = after + 1 if self.norm(after) == "and" else after
        if j < len(self.raw) and self.norm(j) == "half" and self.raw[j].value is not None:
            return value + (self.raw[j].value or 0.0), 1, j + 1
        if j == after:
            return value, decimals, after
        if self.norm(j) in ("a", "one"):
            j += 1
        if self.norm(j) == "half":
            return value + 0.5, 1, j + 1
        if self.norm(j) == "quarter":
            return value + 0.25, 2, j + 1
        return value, decimals, after

    def _form(self, i: int, after: int, digits: bool) -> tuple[str, int]:
        if not digits or after >= len(self.raw):
            return "#", after
        token, following = self.raw[after - 1], self.raw[after]
        if following.start == token.end or following.norm == "x":
            third = self.raw[after + 1] if after + 1 < len(self.raw) else None
            if following.norm == "x" and (third is None or not third.digits):
                return "#x", after + 1
            value = int(token.value or 0)
            ending = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
            if following.norm == ending:
                return "#th", after + 1
        return "#", after

    def _tail(self, value: float, decimals: int, after: int) -> tuple[float | None, int]:
        if decimals or after >= len(self.raw):
            return None, 0
        token = self.raw[after]
        unit = self.w.units.get(token.norm)
        if unit is None and token.digits and token.decimals == 0 and token.end - token.start == 1:
            unit = token.value
        if unit is None and token.norm in self.w.zero and token.norm != "o":
            unit = 0.0
        if unit is None or self.text[self.raw[after - 1].end : token.start].strip(" -"):
            return None, 0
        if self.norm(after + 1) in self.w.no_tail_before:
            return None, 0
        return value + unit / 10, token.end


def lay_out(text: str) -> Sheet:
    """Lay a message out; any string will do."""
    raw = _raw_tokens(text)
    reader = _Reader(raw, text)
    starts = _words().starts
    tokens: list[Token] = []
    i = 0
    while i < len(raw):
        token = raw[i]
        result = reader.number(i) if token.digits or token.norm in starts else None
        if result is None:
            norm = _SAME.get(token.norm, token.norm)
            tokens.append(Token(norm, token.start, token.end))
            i += 1
            continue
        number, after = result
        tokens.append(Token(number.form, token.start, raw[after - 1].end, number))
        i = after
    offsets, position = [], 0
    for laid in tokens:
        offsets.append(position)
        position += len(laid.norm) + 1
    line = " ".join(t.norm for t in tokens)
    return Sheet(text, tuple(tokens), line, tuple(offsets), _sentences(tokens))


def _sentences(tokens: list[Token]) -> tuple[tuple[int, int], ...]:
    """For every token the first and last-plus-one token of its sentence, without its full stop."""
    bounds: list[tuple[int, int]] = []
    start = 0
    for i, token in enumerate(tokens):
        if token.norm == STOP or i == len(tokens) - 1:
            end = i if token.norm == STOP else i + 1
            bounds.extend([(start, end)] * (i + 1 - start))
            start = i + 1
    return tuple(bounds)
