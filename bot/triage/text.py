"""From what a keyboard can produce to plain lower-case words, each knowing where it came from.

``normalise`` folds full-width forms, ligatures, accents, look-alike letters (a Cyrillic ``а`` in
"chest pain"), curly quotes and invisible characters; ``tokenise`` cuts the result with spaCy's
tokenizer. Spans always refer to the text exactly as it was given. Method: Unicode NFKC
(UAX #15) and a short confusables table in the spirit of UTS #39.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

from bot.triage.model import Span

MAX_CHARS = 4000
"""Longer messages are cut here, so that the work stays bounded (characters)."""

_CONFUSABLE = dict(
    zip(
        "аеорсухіјѕһԁԛԝкмтвнгпиляэзӏαβεηικνορτυχγωɑɡɩʀʏıȷƅℓøđłħŧ",
        "aeopcyxijshdqwkmtbhrnnlaezlabenikvoptuxywagiryijblodlht",
        strict=True,
    )
)
_QUOTES = dict.fromkeys("’‘‛ʼʻ`´ʹ＇′ꞌ", "'") | dict.fromkeys("“”„‟«»″＂", '"')
_DASHES = dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")
_DOTS = {"…": "...", "‚": ",", "،": ",", "。": ".", "、": ",", "·": " ", "•": ",", "|": ","}
_FOLD: dict[str, str] = _QUOTES | _DASHES | _DOTS


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """The plain lower-case form of one character; empty for an invisible one."""
    if char in _FOLD:
        return _FOLD[char]
    if char < "\x80":
        return char.lower() if char >= " " or char in "\n\t\r" else " "
    if char in "\u200b\u2060\ufeff\u00ad":
        return ""
    if unicodedata.decomposition(char).startswith("<fraction>"):
        return char
    out: list[str] = []
    for part in unicodedata.normalize("NFKD", char):
        category = unicodedata.category(part)
        if category in ("Mn", "Me", "Cf", "Cs", "Co", "Cn"):
            continue
        if category in ("Zs", "Zl", "Zp", "Cc"):
            out.append("\n" if category in ("Zl", "Zp") else " ")
            continue
        if part.isdecimal():
            out.append(str(unicodedata.decimal(part)))
            continue
        out += [
            _FOLD.get(low) or _CONFUSABLE.get(low, low) for low in part.casefold() if unicodedata.category(low) != "Mn"
        ]
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and the way back.

    Attributes:
        text: the text as given.
        clean: lower-case, folded text.
        origin: for every character of ``clean`` its index in ``text``.
    """

    text: str
    clean: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """The characters of ``text`` behind ``clean[start:end]``; an empty range maps to 0, 0."""
        if start >= end or not self.origin:
            return (0, 0)
        last = min(end, len(self.origin)) - 1
        return (self.origin[min(start, last)], self.origin[last] + 1)


def normalise(text: str) -> Normalised:
    """Fold ``text`` (any string; only its first ``MAX_CHARS`` characters are read)."""
    chars: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text[:MAX_CHARS]):
        for part in _fold(char):
            chars.append(part)
            origin.append(index)
    return Normalised(text, "".join(chars), tuple(origin))


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or mark.

    Attributes:
        word: the form the rules compare (after spelling repair it may differ from the text).
        start: first character in the normalised text.
        end: one past the last character in the normalised text.
    """

    word: str
    start: int
    end: int


_INFIX = re.compile(
    r"(?<=\d)(?:[.,:](?!\d))"
    r"|\.{2,}|(?<!\d)[.,:]"
    r"|[^\w'.,:]"
    r"|_"
    r"|(?<![a-z])'|'(?![a-z])"
)
_MIXED = re.compile(r"\.{2,}|\d+(?:[.,:]\d+)*|[^\W\d]+(?:'[^\W\d]+)*|.", re.DOTALL)


class WordCutter:
    """spaCy's tokenizer with this project's borders, on a vocabulary that cannot grow for ever."""

    _LIMIT = 20_000

    def __init__(self) -> None:
        self._tokenizer = self._fresh()

    @staticmethod
    def _fresh() -> Tokenizer:
        return Tokenizer(Vocab(), rules={}, infix_finditer=_INFIX.finditer)

    def cut(self, clean: str) -> list[Token]:
        r"""The tokens of a normalised text; newlines become the token ``\\n``, blanks none."""
        if len(self._tokenizer.vocab.strings) > self._LIMIT:
            self._tokenizer = self._fresh()
        tokens: list[Token] = []
        for piece in self._tokenizer(clean):
            word: str = piece.text
            start: int = piece.idx
            if word.isspace():
                if "\n" in word:
                    tokens.append(Token("\n", start, start + len(word)))
                continue
            if word.isalpha():
                tokens.append(Token(word, start, start + len(word)))
                continue
            tokens.extend(
                Token(part.group(), start + part.start(), start + part.end()) for part in _MIXED.finditer(word)
            )
        return tokens


_IRREGULAR = {
    "can't": ("can", "not"), "cannot": ("can", "not"), "won't": ("will", "not"),
    "shan't": ("shall", "not"), "ain't": ("am", "not"), "let's": ("let", "us"),
}  # fmt: skip
_IS_AFTER = frozenset(
    [
        "it",
        "he",
        "she",
        "that",
        "there",
        "what",
        "who",
        "here",
        "where",
        "how",
        "when",
        "why",
        "everything",
        "something",
        "nothing",
    ]
)
_ENDINGS = {"m": "am", "re": "are", "ve": "have", "ll": "will"}


def expand(word: str, spellings: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """One written word as the words the rules know: short forms opened, spellings unified.

    ``spellings`` maps a written word to its words (``cant`` -> ``can not``).
    """
    found = spellings.get(word)
    if found is not None:
        return found
    if "'" not in word:
        return (word,)
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("n't"):
        return (word[:-3], "not")
    stem, _, ending = word.rpartition("'")
    if not stem:
        return spellings.get(ending, (ending,)) if ending else (word,)
    base = expand(stem, spellings)
    if ending in _ENDINGS:
        return (*base, _ENDINGS[ending])
    if ending == "s":
        return (*base, "is") if stem in _IS_AFTER else (*base, "'s")
    if ending == "d":
        return (*base, "'d")
    return base


def open_words(tokens: Iterable[Token], spellings: dict[str, tuple[str, ...]]) -> list[Token]:
    """Apply ``expand`` to every token; the parts share the span of the word they came from."""
    out: list[Token] = []
    for token in tokens:
        parts = expand(token.word, spellings)
        if len(parts) == 1 and parts[0] == token.word:
            out.append(token)
        else:
            out.extend(Token(part, token.start, token.end) for part in parts)
    return out


_DICTATED = {
    ("full", "stop"): ".", ("question", "mark"): "?", ("exclamation", "mark"): "!", ("exclamation", "point"): "!",
    ("new", "line"): "\n", ("new", "paragraph"): "\n", ("comma",): ",",
}  # fmt: skip
_PERIOD_IS_MEANT_AFTER = frozenset(
    {"my", "a", "the", "her", "your", "no", "late", "missed", "heavy", "first", "last", "any", "this", "that", "next"}
    | {"of", "have", "had", "get", "got", "normal", "irregular", "painful", "light", "overdue", "rest", "treatment"}
    | {"waiting", "trial", "long", "short", "proper", "usual", "monthly"}
)


def open_dictated(tokens: Sequence[Token]) -> list[Token]:
    """Marks that a dictating patient spoke ("full stop", "question mark", a closing "period") as the marks."""
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        for length in (2, 1):
            part = tokens[index : index + length]
            mark = _DICTATED.get(tuple(token.word for token in part))
            if mark is not None and out:
                out.append(Token(mark, part[0].start, part[-1].end))
                index += length
                break
        else:
            out.append(tokens[index])
            index += 1
    if len(out) > 2 and out[-1].word == "period" and out[-2].word not in _PERIOD_IS_MEANT_AFTER:
        out[-1] = Token(".", out[-1].start, out[-1].end)
    return out


def squeeze(word: str) -> Sequence[str]:
    """Guesses for a word with stretched letters: "paaaain" -> "paain", "pain"."""
    if not re.search(r"(.)\1\1", word):
        return ()
    return (re.sub(r"(.)\1{2,}", r"\1\1", word), re.sub(r"(.)\1+", r"\1", word))
