"""What the channels themselves say, from ``data/channels/texts.yml``, with the clinic's details filled in."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot import clinic as clinics

TEXTS_FILE = Path("data/channels/texts.yml")


@dataclass(frozen=True)
class Texts:
    """The texts of one clinic's channels.

    Attributes:
        web: the strings of the website widget, by key.
        messaging: the strings of the messaging platforms, by key.
        suggestions: questions that a new patient may start with.
    """

    web: dict[str, str]
    messaging: dict[str, str]
    suggestions: tuple[str, ...]


@functools.cache
def texts() -> Texts:
    """The texts, filled in for the clinic."""
    raw: dict[str, Any] = yaml.safe_load(TEXTS_FILE.read_text(encoding="utf-8"))
    clinic = clinics.current()
    values = {**clinics.details(clinic), "clinic": clinic.name}

    def filled(part: str) -> dict[str, str]:
        return {
            key: clinics.spell(clinics.fill(str(text).strip(), values), clinic.country)
            for key, text in raw[part].items()
        }

    suggestions = tuple(clinics.spell(question, clinic.country) for question in raw["suggestions"])
    return Texts(filled("web"), filled("messaging"), suggestions)
