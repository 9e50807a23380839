"""Long texts in parts that a platform takes, and choices for platforms that have no buttons."""

from __future__ import annotations

import re
from collections.abc import Sequence

# From the best place to cut to the worst; a part keeps the mark that it ends with.
_BORDERS = (r"\n\s*\n", r"\n", r"(?<=[.!?:;])\s+", r"(?<=,)\s+", r"\s+")
_NUMBER = re.compile(r"\W*(?:(?:option|number|answer|reply|no)\W*)?(\d{1,2})\W*", re.IGNORECASE | re.ASCII)


def size(text: str) -> int:
    """Length as platforms count it: UTF-16 units, so that an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int) -> list[str]:
    """The text in parts of at most ``limit`` UTF-16 units, cut between paragraphs, lines, sentences or words."""
    text = text.strip()
    parts: list[str] = []
    while size(text) > limit:
        cut = _cut(text, limit)
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text] if text else parts


def _cut(text: str, limit: int) -> int:
    longest = _fits(text, limit)
    for border in _BORDERS:
        # Not in the first quarter: rather a worse border than a part of three words.
        places = [m.start() for m in re.finditer(border, text[: longest + 1]) if m.start() > longest // 4]
        if places:
            return places[-1]
    return longest


def _fits(text: str, limit: int) -> int:
    """How many characters fit."""
    longest = min(len(text), limit)
    while size(text[:longest]) > limit:
        longest -= 1
    return max(longest, 1)


def numbered(text: str, choices: Sequence[str], invitation: str, first: int = 1) -> str:
    """The text with its choices as a numbered list."""
    if not choices:
        return text
    rows = [f"{number} {choice}" for number, choice in enumerate(choices, first)]
    return "\n".join([*([text, ""] if text else []), invitation, *rows])


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a number stands for: "2", "2.", "(2)", "option 2", also the 2 of a keypad emoji."""
    number = _NUMBER.fullmatch(text.strip())
    index = int(number[1]) - 1 if number else -1
    return choices[index] if 0 <= index < len(choices) else None
