"""The gates on questions and answers: shape, sources, reading grade, figures, facts, conflicts, leaks."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.content import FAQ, leaflets
from bot.importer import examples, load_yaml
from tests.content.reading import grade

NLU = sorted(Path("data/nlu").glob("*.yml"))
SOURCES = {"kca", "goodrx", "macmillan", "aldesleukin_iv", "upmc"}
PLACEHOLDERS = {"team_number", "emergency_number", "crisis_line", "poison_line", "fallback"}
MIN_QUESTIONS = 15
MIN_KINDS = 5
# How patients ask. An answer whose questions are all of one kind is found only by those who ask that way.
KINDS = {
    "a few words": lambda q: len(q.split()) <= 3,
    "a long story": lambda q: len(q.split()) >= 14,
    "what, how, when": lambda q: re.match(r"(what|how|when|why|where|which|who|whose|till|until|at what|for how)\b", q),
    "yes or no": lambda q: re.match(
        r"(can|could|do|does|did|is|are|was|were|will|would|should|may|must|has|have|am|shall|might|any|need)\b", q
    ),
    "a carer": lambda q: re.search(
        r"\b(he|she|hes|shes|his|her|him|they|wife|husband|mum|mom|mam|dad|son|daughter|partner|father|mother|brother"
        r"|sister|nan|gran|friend|patient)\b",
        q,
    ),
    "a statement": lambda q: (
        "?" not in q and len(q.split()) > 3 and not re.match(r"(what|how|when|can|do|is|are)\b", q)
    ),
}


def normal(text: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


def _load() -> tuple[dict[str, list[str]], dict[str, tuple[Path, dict[str, Any]]]]:
    questions: dict[str, list[str]] = defaultdict(list)
    responses: dict[str, tuple[Path, dict[str, Any]]] = {}
    for file in NLU:
        data = load_yaml(file)
        for item in data.get("nlu") or []:
            questions[item["intent"]] += examples(item["examples"])
        for name, variants in (data.get("responses") or {}).items():
            assert len(variants) == 1, f"{name} must have one variant"
            responses[name.removeprefix("utter_")] = (file, variants[0])
    return questions, responses


QUESTIONS, RESPONSES = _load()
ANSWERS = {name: value for name, value in RESPONSES.items() if name.startswith(f"{FAQ}/")}
CELLS: dict[str, list[str]] = load_yaml(Path("data/clinical/leaflet_topics.yml"))["rows"]
FIGURES: dict[str, list[str]] = load_yaml(Path("data/clinical/leaflet_figures.yml"))["figures"]
CONVERTED: dict[str, list[str]] = load_yaml(Path("data/clinical/leaflet_figures.yml"))["converted"]


def meta(answer: str) -> dict[str, Any]:
    return dict(ANSWERS[answer][1]["metadata"])


def all_text(answer: str) -> str:
    data = meta(answer)
    said = [row["says"] for row in data.get("differ", ())]
    return " ".join([ANSWERS[answer][1]["text"], *said, data.get("home", ""), data.get("hospital", "")])


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_complete(answer: str) -> None:
    file, data = ANSWERS[answer][0], meta(answer)
    assert data["topic"] == file.stem
    assert 0 < len(data["title"]) <= 42
    assert data["sources"]
    assert set(data["sources"]) <= SOURCES
    assert data["reviewed"]
    assert data["facts"], "an answer carries at least one fact of a leaflet"
    assert data["simple"].strip()
    assert len(QUESTIONS[answer]) >= MIN_QUESTIONS
    assert all(f"{FAQ}/{name}" in ANSWERS for name in data["next"])
    assert data.get("asks", "country") == "country"
    assert set(re.findall(r"\{(\w+)\}", all_text(answer))) <= PLACEHOLDERS


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_asked_for_in_many_ways(answer: str) -> None:
    kinds = {kind for kind, fits in KINDS.items() if any(fits(question.lower()) for question in QUESTIONS[answer])}
    assert len(kinds) >= MIN_KINDS, f"only {sorted(kinds)}"


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_short_and_easy(answer: str) -> None:
    text = ANSWERS[answer][1]["text"]
    assert grade(text) <= 8
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", text)) <= 9


def test_the_median_reading_grade_is_at_most_six() -> None:
    assert statistics.median(grade(value["text"]) for _, value in ANSWERS.values()) <= 6


@pytest.mark.parametrize("answer", [a for a in ANSWERS if meta(a).get("differ")])
def test_a_disagreement_names_who_says_what(answer: str) -> None:
    data = meta(answer)
    assert data["conflicts"]
    assert {row["leaflet"] for row in data["differ"]} <= set(data["sources"])
    assert all(row["says"].strip() for row in data["differ"])


def test_every_conflict_of_the_leaflets_is_shown_somewhere() -> None:
    shown = {conflict for answer in ANSWERS for conflict in meta(answer).get("conflicts", ())}
    declared = set(load_yaml(Path("data/clinical/leaflet_topics.yml"))["conflicts"])
    assert declared - shown == set()


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_fact_stands_in_its_answer(answer: str) -> None:
    text = all_text(answer).lower()
    for fact in meta(answer)["facts"]:
        assert fact["leaflet"] in meta(answer)["sources"], fact
        assert any(str(key).lower() in text for key in fact["key"]), fact


@pytest.mark.parametrize("row", CELLS)
def test_every_leaflet_that_speaks_on_a_row_has_a_fact(row: str) -> None:
    carried = {fact["leaflet"] for a in ANSWERS for fact in meta(a)["facts"] if fact["row"] == row}
    assert set(CELLS[row]) - carried == set()


def _numbers(text: str) -> set[str]:
    found = re.findall(r"\d+(?:[.,]\d+)*", text.replace("{", " {"))
    return {number.replace(",", "") for number in found}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_figure_stands_in_one_of_the_named_leaflets(answer: str) -> None:
    known = {figure for source in meta(answer)["sources"] for figure in FIGURES[source]}
    known |= {converted for figure in known for converted in CONVERTED.get(figure, ())}
    text = re.sub(r"IL-2|C[- ]?19|COVID-19", "", all_text(answer))
    assert _numbers(text) - known - set(CONVERTED["always"]) == set()


def test_titles_are_unique() -> None:
    titles = Counter(value["metadata"]["title"].casefold() for _, value in RESPONSES.values() if value.get("metadata"))
    assert [title for title, count in titles.items() if count > 1] == []


def test_each_topic_has_one_overview() -> None:
    overviews = Counter(meta(answer)["topic"] for answer in ANSWERS if meta(answer).get("overview"))
    assert {meta(answer)["topic"] for answer in ANSWERS} == set(overviews)
    assert set(overviews.values()) == {1}


def test_no_training_sentence_stands_twice() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for intent, sentences in QUESTIONS.items():
        for sentence in sentences:
            owners[normal(sentence)].add(intent)
    assert {text: intents for text, intents in owners.items() if len(intents) > 1 and text} == {}


def _held_out() -> list[str]:
    found = []
    for file in sorted(Path("tests/nlu").glob("*/*.yml")):
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        found += [row["text"] for value in data.values() if isinstance(value, list) for row in value]
    return found


def test_no_held_out_sentence_is_trained_on() -> None:
    trained = {normal(sentence) for sentences in QUESTIONS.values() for sentence in sentences}
    # Words of one or two are what anybody would type; they are no leak.
    leaked = [text for text in _held_out() if normal(text) in trained and len(normal(text).split()) > 2]
    assert leaked == []


def test_every_answer_has_held_out_questions() -> None:
    wanted: set[str] = set()
    for kind in ("dev", "heldout"):
        data = yaml.load(Path(f"tests/nlu/{kind}/questions.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        wanted |= {f"{FAQ}/{name}" for row in data["questions"] for name in row["answers"]}
    assert set(ANSWERS) - wanted == set()


def test_every_retrieval_intent_has_questions_and_a_response() -> None:
    asked = {intent for intent in QUESTIONS if "/" in intent}
    assert asked == set(RESPONSES)


@pytest.mark.parametrize("name", [n for n in RESPONSES if n.startswith("decline/")])
def test_a_decline_says_why_it_is_one(name: str) -> None:
    reasons = {"treatment_decision", "diagnosis", "prognosis", "other_medicine", "out_of_scope", "not_understood"}
    assert RESPONSES[name][1]["metadata"]["referral"] in reasons


def test_the_leaflets_have_title_country_and_year() -> None:
    assert set(leaflets()) == SOURCES
    assert all(leaflet.title and leaflet.country and leaflet.year for leaflet in leaflets().values())
