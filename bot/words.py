"""English words: what is a word is no typing error."""

from __future__ import annotations

import functools
import importlib.resources


@functools.cache
def english_words() -> frozenset[str]:
    """The 82,000 lower-case English words of symspellpy's frequency dictionary (MIT)."""
    file = importlib.resources.files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    return frozenset(line.split(" ")[0].lstrip("\ufeff") for line in file.read_text("utf-8").splitlines())
