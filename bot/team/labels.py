"""The names a person reads: what a question may be labelled as, and what the symptoms are called."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.content import FAQ, UTTER

NLU = Path("data/nlu")
RED_FLAGS = Path("data/clinical/red_flags.yml")
DECLINE = "decline"
NOTHING = "nothing"
"""The label of what teaches the companion nothing; it is not exported."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(file: Path) -> Mapping[str, Any]:
    data: Mapping[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    return data


@functools.cache
def groups() -> dict[str, dict[str, str]]:
    """Intents with their titles, by topic: the leaflet answers, then what the companion declines."""
    answers: dict[str, dict[str, str]] = {}
    declines: dict[str, str] = {}
    for file in sorted(NLU.glob("*.yml")):
        for name, variants in (_read(file).get("responses") or {}).items():
            intent, metadata = name.removeprefix(UTTER), variants[0].get("metadata") or {}
            title = str(metadata.get("title") or plain(intent.rpartition("/")[2]))
            if intent.startswith(f"{FAQ}/"):
                answers.setdefault(plain(str(metadata.get("topic", ""))), {})[intent] = title
            elif intent.startswith(f"{DECLINE}/"):
                declines[intent] = title
    ordered = {topic: dict(sorted(rows.items(), key=lambda row: row[1])) for topic, rows in sorted(answers.items())}
    return {**ordered, "not answered by the leaflets": dict(sorted(declines.items(), key=lambda row: row[1]))}


@functools.cache
def titles() -> dict[str, str]:
    """The title of each intent that is a label."""
    return {intent: title for rows in groups().values() for intent, title in rows.items()}


@functools.cache
def _symptoms() -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _read(RED_FLAGS)["rows"]:
        found.setdefault(row["symptom"], row["title"])
    return found


def symptom(name: str) -> str:
    """What a person calls a symptom."""
    return _symptoms().get(name) or plain(name)


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")
