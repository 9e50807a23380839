"""Sentences as they come from hurried thumbs and from a phone's dictation: the same each time for the same sentence."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_NEIGHBOURS = {
    row[i]: row[i - 1] if i else row[1] for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for i in range(len(row))
}
_LETTERS = re.compile(r"[a-z]{4,}", re.IGNORECASE)
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ONES = (
    *_DIGITS,
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SOUNDS_LIKE = {"il-2": "i l two", "il2": "i l two", "their": "there", "you're": "your", "too": "to", "its": "it's"}
_FILLERS = ("um ", "so ", "okay so ", "hi um ", "")


def typo(text: str) -> str:
    """One slip in one word of four letters or more: a swap, a lost, a doubled or a neighbouring letter."""
    chance = random.Random(text)
    words = list(_LETTERS.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    at = word.start() + chance.randrange(1, len(word[0]) - 1)
    slip = chance.choice(("swap", "lose", "double", "neighbour"))
    if slip == "swap":
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if slip == "lose":
        return text[:at] + text[at + 1 :]
    other = text[at] if slip == "double" else _NEIGHBOURS.get(text[at].lower(), text[at])
    return text[:at] + (text[at] if slip == "double" else "") + other + text[at + 1 :]


def capitals(text: str) -> str:
    """All in capitals."""
    return text.upper()


def bare(text: str) -> str:
    """Small letters, no punctuation but what stands inside a number or a word."""
    return " ".join(re.sub(r"[^\w\s'.,/-]|[.,](?!\d)|(?<!\w)[-'/]|[-'/](?!\w)", " ", text.lower()).split())


def spoken(number: str) -> str:
    """A number as it is said: "38.2" is "thirty eight point two"; years and long numbers digit by digit."""
    whole, _, decimals = number.replace(",", ".").partition(".")
    value = int(whole)
    if value < 20:
        words = [_ONES[value]]
    elif value < 100:
        words = [_TENS[value // 10], *([_ONES[value % 10]] if value % 10 else [])]
    elif value < 1000:
        words = [_ONES[value // 100], "hundred", *([spoken(str(value % 100))] if value % 100 else [])]
    else:
        words = [_ONES[int(digit)] for digit in whole]
    return " ".join([*words, *(["point", *(_ONES[int(digit)] for digit in decimals)] if decimals else [])])


def dictated(text: str) -> str:
    """As a phone writes down what is said: no punctuation, numbers as words, some words misheard, a filler before."""
    words = [_SOUNDS_LIKE.get(word, word) for word in bare(text).split()]
    plain = " ".join(words).replace("/", " over ").replace("°", " degrees ")
    said = re.sub(r"\d+(?:[.,]\d+)?", lambda m: f" {spoken(m[0])} ", plain)
    return random.Random(text).choice(_FILLERS) + " ".join(said.split())


KINDS: dict[str, Callable[[str], str]] = {
    "one typo": typo,
    "all capitals": capitals,
    "no punctuation": bare,
    "dictated": dictated,
}
