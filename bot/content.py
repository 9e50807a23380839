"""The answers as objects: what the metadata of the retrieval responses in ``data/nlu/`` says."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.clinic import COUNTRIES, spell

LEAFLETS_FILE = Path("data/clinical/leaflets.yml")
UTTER = "utter_"
FAQ = "faq"


@dataclass(frozen=True)
class Leaflet:
    """One of the five leaflets, as a patient sees it named."""

    id: str
    title: str
    country: str
    year: str

    @property
    def citation(self) -> str:
        """Title, country, year: "UPMC, US, 2011"."""
        return ", ".join(part for part in (self.title, self.country, self.year) if part)


@dataclass(frozen=True)
class Says:
    """What one leaflet says where leaflets differ."""

    leaflet: str
    says: str


@dataclass(frozen=True)
class Answer:
    """One leaflet answer; ``id`` is its retrieval intent, e.g. ``faq/contrast_before_scan``."""

    id: str
    topic: str
    title: str
    text: str
    sources: tuple[str, ...]
    differ: tuple[Says, ...] = ()
    simple: str = ""
    why: str = ""
    home: str = ""
    hospital: str = ""
    next: tuple[str, ...] = ()
    asks: str = ""
    overview: bool = False
    reviewed: str = "pending"

    @property
    def leaflets_differ(self) -> bool:
        """Whether the leaflets disagree on this."""
        return bool(self.differ)


@functools.cache
def leaflets(file: Path = LEAFLETS_FILE) -> dict[str, Leaflet]:
    """The leaflets by id."""
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))["leaflets"]
    return {key: Leaflet(key, row["title"], row["country"], str(row.get("year") or "")) for key, row in rows.items()}


def _answer(answer_id: str, response: Mapping[str, Any]) -> Answer:
    meta = response.get("metadata") or {}
    return Answer(
        id=answer_id,
        topic=meta.get("topic", ""),
        title=meta.get("title", ""),
        text=str(response.get("text", "")).strip(),
        sources=tuple(meta.get("sources", ())),
        differ=tuple(Says(row["leaflet"], row["says"]) for row in meta.get("differ", ())),
        simple=str(meta.get("simple", "")).strip(),
        why=str(meta.get("why", "")).strip(),
        home=str(meta.get("home", "")).strip(),
        hospital=str(meta.get("hospital", "")).strip(),
        next=tuple(f"{FAQ}/{name}" for name in meta.get("next", ())),
        asks=str(meta.get("asks", "")),
        overview=bool(meta.get("overview")),
        reviewed=str(meta.get("reviewed", "pending")),
    )


class Catalogue:
    """All answers, by id and by title."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        """Index the answers."""
        self.answers = {answer.id: answer for answer in answers}
        titled = [answer for answer in self.answers.values() if answer.title]
        # A button may have been pressed in the words of any country.
        self._by_title = {
            _key(spell(answer.title, country)): answer.id for country in ("", *COUNTRIES) for answer in titled
        }

    @classmethod
    def from_responses(cls, responses: Mapping[str, list[dict[str, Any]]]) -> Catalogue:
        """Pick the leaflet answers (``utter_faq/...`` or ``faq/...``) out of Rasa's responses."""
        found = []
        for name, variants in responses.items():
            answer_id = name.removeprefix(UTTER)
            if answer_id.startswith(f"{FAQ}/") and variants:
                found.append(_answer(answer_id, variants[0]))
        return cls(found)

    def get(self, answer_id: str) -> Answer | None:
        """The answer of that id, if there is one."""
        return self.answers.get(answer_id)

    def by_title(self, text: str) -> str | None:
        """The id of the answer whose title a patient pressed or typed."""
        return self._by_title.get(_key(text))


def _key(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")
