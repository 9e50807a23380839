"""``python -m tests.content.report``: all answers on one printable page, for a clinical reviewer; no model is needed.

Writes ``reports/content.html`` from ``data/`` alone: each answer by topic with its sources, reading grade, facts,
disagreements, training questions and whether it was reviewed.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot import clinic as clinics
from bot.content import FAQ, UTTER, Answer, Catalogue, leaflets
from bot.runtime import without_tensorflow
from tests.content.reading import grade

without_tensorflow.install()

from bot.importer import load_yaml, read_nlu  # noqa: E402

OUT = Path("reports/content.html")
TEMPLATE = Path(__file__).with_name("report.html.j2")
PENDING = "pending"


@dataclass(frozen=True)
class Row:
    """One answer as the page shows it."""

    answer: Answer
    grade: float
    questions: tuple[str, ...]
    facts: tuple[Mapping[str, Any], ...]
    conflicts: tuple[str, ...]

    @property
    def pending(self) -> bool:
        """Whether no clinician has signed it off."""
        return self.answer.reviewed == PENDING


def rows(folder: Path = Path("data/nlu")) -> list[Row]:
    """All answers of the content files, in the order of the files."""
    sentences, responses = read_nlu(sorted(folder.glob("*.yml")))
    questions: dict[str, list[str]] = defaultdict(list)
    for intent, sentence in sentences:
        questions[intent].append(sentence)
    found = []
    for answer in Catalogue.from_responses(responses).answers.values():
        meta = responses[f"{UTTER}{answer.id}"][0].get("metadata") or {}
        found.append(
            Row(
                answer,
                grade(answer.text),
                tuple(questions[answer.id]),
                tuple(meta.get("facts", ())),
                tuple(meta.get("conflicts", ())),
            )
        )
    return found


def declines(folder: Path = Path("data/nlu")) -> list[dict[str, Any]]:
    """What is declined: title, text, reason and the number of training questions."""
    sentences, responses = read_nlu(sorted(folder.glob("*.yml")))
    found = []
    for name, (variant, *_) in responses.items():
        label = name.removeprefix(UTTER)
        if label.startswith("decline/"):
            meta = variant["metadata"]
            count = sum(intent == label for intent, _ in sentences)
            found.append({"title": meta["title"], "text": variant["text"], "why": meta["referral"], "questions": count})
    return found


def render(found: list[Row], declined: list[dict[str, Any]]) -> str:
    """The page."""
    topics: dict[str, list[Row]] = defaultdict(list)
    conflicts: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        topics[row.answer.topic].append(row)
        for conflict in row.conflicts:
            conflicts[conflict].append(row)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    values = clinics.details(clinics.load(), "")
    environment.filters["filled"] = lambda text: clinics.fill(text, values)
    environment.filters["short"] = lambda answer_id: answer_id.removeprefix(f"{FAQ}/")
    named = load_yaml(Path("data/clinical/leaflet_topics.yml"))["conflicts"]
    return environment.get_template(TEMPLATE.name).render(
        topics=dict(sorted(topics.items())),
        conflicts={name: conflicts.get(name, []) for name in named},
        declined=declined,
        leaflets=leaflets(),
        total=len(found),
        pending=sum(row.pending for row in found),
        median=statistics.median(row.grade for row in found),
        hardest=sorted(found, key=lambda row: -row.grade)[:10],
    )


def main() -> None:
    """Write the page and say where it is."""
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(render(rows(), declines()), encoding="utf-8")
    print(f"The content report is {OUT}.")


if __name__ == "__main__":
    main()
