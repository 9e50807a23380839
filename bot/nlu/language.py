"""Tell in which language a message is written, as far as needed to say that answers are in English."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.words import english_words

LANGUAGES_FILE = Path("data/clinical/languages.yml")
MIN_HITS = 2
"""Different words of a language that must stand in a message."""
MIN_WORDS = 2
MIN_FOREIGN = 0.4
"""Share of the message's words that English must not know."""
FALLBACK = "other"
"""Code of a language that is not in the file, known by its script."""

_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)


@dataclass(frozen=True)
class Language:
    """A language other than English: how to know it and the one sentence said in it."""

    code: str
    script: str
    words: frozenset[str]
    letters: frozenset[str]
    sentence: str
    no_number: str


def _fold(word: str) -> str:
    stripped = "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))
    return stripped.replace("đ", "d").replace("ł", "l")


@functools.cache
def languages(file: Path = LANGUAGES_FILE) -> Mapping[str, Language]:
    """The languages by code, in the file's order."""
    data: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    found = {
        row["code"]: Language(
            row["code"],
            row["script"],
            frozenset(map(_fold, [*map(str, row.get("words") or ()), *map(str, row.get("romanised") or ())])),
            frozenset(row.get("letters", "")),
            str(row["sentence"]),
            str(row["no_number"]),
        )
        for row in data["languages"]
    }
    return {**found, FALLBACK: Language(FALLBACK, "", frozenset(), frozenset(), str(data["fallback"]), "")}


@functools.cache
def fallback_words(file: Path = LANGUAGES_FILE) -> frozenset[str]:
    """Common words of other languages in Latin letters, which have no sentence of their own."""
    return frozenset(map(_fold, yaml.safe_load(file.read_text(encoding="utf-8")).get("fallback_words") or ()))


def _script(character: str) -> str:
    name = unicodedata.name(character, "").split(" ")[0].lower()
    return "han" if name in ("cjk", "hiragana", "katakana") else name


def detect(text: str) -> str | None:
    """The code of the message's language; None for English and for what is no language."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) < 2:
        return None
    script, count = Counter(map(_script, letters)).most_common(1)[0]
    words = list(map(_fold, _WORD.findall(text)))
    if script != "latin":
        if count < 0.5 * len(letters):
            return None
        same = [lang for lang in languages().values() if lang.script == script]
        # Urdu is told from Arabic by letters that Arabic lacks; a language without such letters is the default.
        same.sort(key=lambda lang: (-len(lang.letters & set(letters)), bool(lang.letters)))
        return same[0].code if same else FALLBACK
    foreign = [word for word in words if word not in english_words()]
    if len(words) < MIN_WORDS or len(foreign) < MIN_FOREIGN * len(words):
        return None
    hits = {lang.code: len(lang.words & set(words)) for lang in languages().values()}
    best = max(hits, key=lambda code: hits[code])
    if hits[best] >= MIN_HITS and list(hits.values()).count(hits[best]) == 1:
        return best
    others = fallback_words() & set(words)
    return FALLBACK if len(others) >= MIN_HITS or (hits[best] >= MIN_HITS) else None
