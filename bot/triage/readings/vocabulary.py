"""The words, ranges and limits of ``data/clinical/readings.yml``, loaded once and checked.

The file is read with every scalar as text (YAML would turn ``no``, ``on`` and ``off`` into truth
values); numbers are converted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parents[3] / "data" / "clinical" / "readings.yml"

_APOSTROPHES = re.compile("['\u2019\u2018`\u00b4\u02bc]")


class ReadingsFileError(ValueError):
    """``readings.yml`` lacks an entry or holds one of the wrong shape; the message names it."""


def normalise_word(word: str) -> str:
    """One word as it is compared: lower case, no apostrophes, a final ``'s`` cut off.

    ``it's`` becomes ``its`` only through the cut: the result is ``it``.
    """
    low = word.lower()
    parts = _APOSTROPHES.split(low)
    if len(parts) > 1 and parts[-1] == "s":
        parts = parts[:-1]
    return "".join(parts)


def alternation(phrases: Iterable[str]) -> str:
    """A non-capturing regular expression for any of the phrases, longest first.

    It is meant for the sheet's line (tokens joined by one space) and matches whole tokens.
    """
    longest_first = sorted(set(phrases), key=lambda p: (-len(p), p))
    return r"(?<!\S)(?:" + "|".join(re.escape(p) for p in longest_first) + r")(?!\S)"


class Vocabulary:
    """Read access to the parsed file. All lookups raise ``ReadingsFileError`` on a gap."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._ranges: dict[tuple[str, ...], tuple[float, float]] = {}
        self._numbers: dict[tuple[str, ...], dict[str, float]] = {}

    @classmethod
    def from_file(cls, path: Path) -> Vocabulary:
        """Read a file.

        Raises:
            ReadingsFileError: the file cannot be read, is no YAML mapping, or lacks a section.
        """
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        except (OSError, yaml.YAMLError) as error:
            raise ReadingsFileError(f"{path}: {error}") from error
        if not isinstance(data, dict):
            raise ReadingsFileError(f"{path}: expected a mapping at the top level")
        return cls(data)

    def at(self, *keys: str) -> Any:
        """The raw entry below the keys."""
        entry: Any = self._data
        for key in keys:
            if not isinstance(entry, dict) or key not in entry:
                raise ReadingsFileError(f"readings.yml: {' > '.join(keys)} is missing")
            entry = entry[key]
        return entry

    def words(self, *keys: str) -> tuple[str, ...]:
        """A list of words or phrases."""
        entry = self.at(*keys)
        if not isinstance(entry, list) or not all(isinstance(w, str) for w in entry):
            raise ReadingsFileError(f"readings.yml: {' > '.join(keys)} must be a list of words")
        return tuple(w.strip().lower() for w in entry)

    def number(self, *keys: str) -> float:
        """A single number."""
        return _as_float(self.at(*keys), keys)

    def numbers(self, *keys: str) -> dict[str, float]:
        """A mapping of words to numbers."""
        if keys in self._numbers:
            return self._numbers[keys]
        entry = self.at(*keys)
        if not isinstance(entry, dict):
            raise ReadingsFileError(f"readings.yml: {' > '.join(keys)} must map words to numbers")
        table = {str(word): _as_float(value, (*keys, str(word))) for word, value in entry.items()}
        return self._numbers.setdefault(keys, table)

    def range(self, *keys: str) -> tuple[float, float]:
        """A pair of numbers, low and high, both included."""
        if keys in self._ranges:
            return self._ranges[keys]
        entry = self.at(*keys)
        if not isinstance(entry, list) or len(entry) != 2:
            raise ReadingsFileError(f"readings.yml: {' > '.join(keys)} must hold two numbers")
        pair = (_as_float(entry[0], keys), _as_float(entry[1], keys))
        return self._ranges.setdefault(keys, pair)


def _as_float(value: Any, keys: Iterable[str]) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        where = " > ".join(keys)
        raise ReadingsFileError(f"readings.yml: {where}: {value!r} is no number") from None


@cache
def vocabulary() -> Vocabulary:
    """The project's ``readings.yml``; read once for the life of the process."""
    return Vocabulary.from_file(PATH)
