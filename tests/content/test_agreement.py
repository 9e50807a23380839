"""No answer contradicts another on the same fact, and each unit is converted rightly."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.importer import load_yaml
from tests.content.test_answers import ANSWERS, RESPONSES
from tests.content.test_domain import DOMAIN

AGREED: dict[str, list[dict[str, Any]]] = load_yaml(Path("tests/content/agreed.yml"))
PARTS = ("simple", "why", "home", "hospital")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def _texts() -> Iterator[tuple[str, str]]:
    for name, (_, response) in RESPONSES.items():
        data = response.get("metadata") or {}
        for text in (response["text"], *(data.get(part) or "" for part in PARTS)):
            yield name, text
    for name, variants in DOMAIN["responses"].items():
        for variant in variants:
            yield name, variant.get("text", "")


SENTENCES = [(name, " ".join(s.split())) for name, text in _texts() for s in SENTENCE.split(text) if s.strip()]


def found(fact: dict[str, Any], sentences: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """What the sentences say on a fact: value -> {answer: sentence}."""
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for name, sentence in sentences:
        if "unless" in fact and re.search(fact["unless"], sentence, re.IGNORECASE):
            continue
        if "where" in fact and not re.search(fact["where"], sentence, re.IGNORECASE):
            continue
        for match in re.finditer(fact["find"], sentence, re.IGNORECASE):
            value = next((group for group in match.groups() if group), match[0])
            values[value.lower()][name] = sentence
    return values


@pytest.mark.parametrize("fact", AGREED["facts"], ids=lambda fact: fact["fact"])
def test_all_answers_say_the_same_on_a_fact(fact: dict[str, Any]) -> None:
    values = found(fact, SENTENCES)
    assert {value: said for value, said in values.items() if value not in fact["allowed"]} == {}
    assert len({name for said in values.values() for name in said}) >= fact["answers"]


@pytest.mark.parametrize("fact", AGREED["never"], ids=lambda fact: fact["fact"])
def test_no_answer_says_what_another_forbids(fact: dict[str, Any]) -> None:
    assert found(fact, SENTENCES) == {}


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        ("the temperature from which to call", "Call your team at 38.5°C or more."),
        ("pounds in a week from which to call", "Call if you gain 7 pounds (2.3 kg)."),
        ("how soon to call for a fever", "At 37.5°C call {team_number} today."),
        ("doses in a cycle at most", "You get up to 16 doses."),
        ("a vaccine is never allowed or forbidden without the team", "You can have the flu jab."),
        ("nobody is told to wait for a red flag", "Wait until Monday and then call."),
    ],
)
def test_a_contradiction_would_be_seen(fact: str, sentence: str) -> None:
    row = next(row for row in AGREED["facts"] + AGREED["never"] if row["fact"] == fact)
    assert set(found(row, [("utter_x", sentence)])) - set(row.get("allowed", ()))


def _close(value: float, wanted: float, share: float) -> bool:
    return abs(value - wanted) <= share * abs(wanted)


def test_two_units_of_one_figure_agree() -> None:
    wrong = []
    for name, sentence in SENTENCES:
        for celsius, fahrenheit in re.findall(r"([\d.]+)\s?°C \(([\d.]+)\s?°F\)", sentence):
            if abs(float(celsius) * 9 / 5 + 32 - float(fahrenheit)) > 0.15:
                wrong.append((name, sentence))
        for pounds, kilos in re.findall(r"([\d.]+) (?:lb|pounds?) \((?:about )?([\d.]+) kg\)", sentence):
            if not _close(float(kilos), float(pounds) * 0.4536, 0.05):
                wrong.append((name, sentence))
        for liters, cups in re.findall(r"([\d.]+) liters \(about ([\d.]+) cups\)", sentence):
            if not _close(float(cups), float(liters) * 1000 / 240, 0.1):
                wrong.append((name, sentence))
    assert wrong == []


def test_every_answer_is_looked_at() -> None:
    assert set(ANSWERS) <= {name for name, _ in SENTENCES}
