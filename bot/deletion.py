"""The patient's wish, told in the chat, to have the conversation deleted: what confirms it, and how a reply says so.

The dialogue offers it, the next message confirms it, and the core of the channels removes the conversation before it
says that it is gone. The words are data (``data/channels/deletion.yml``); nothing here is learnt or guessed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

WORDS_FILE = Path("data/channels/deletion.yml")
AWAITED = "deletion"
"""What the companion has asked for when it has offered to delete the conversation."""
KEY = "deletion"
"""The entry of the reply metadata."""
DONE, FAILED = "done", "failed"
DELETED_TEXT, FAILED_TEXT = "utter_data_deleted", "utter_delete_failed"


@functools.cache
def _words() -> dict[str, frozenset[str]]:
    # The base loader, for which "yes" and "no" are words.
    raw: dict[str, list[str]] = yaml.load(WORDS_FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return {name: frozenset(map(_plain, lines)) for name, lines in raw.items()}


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold().replace("_", " ")).split())


def confirms(text: str) -> bool:
    """Whether a message, right after the offer, is a plain yes and nothing else."""
    return _plain(text) in _words()["confirm"]


def declines(text: str) -> bool:
    """Whether a message, right after the offer, is a plain no and nothing else."""
    return _plain(text) in _words()["keep"]


def done(customs: Iterable[Mapping[str, Any] | None]) -> bool:
    """Whether one of the replies' metadata says that the conversation is deleted."""
    return any((custom or {}).get(KEY) == DONE for custom in customs)
