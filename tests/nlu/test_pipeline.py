"""The pipeline as a whole: its order, deterministic training, and floors on sentences that no training file holds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.importer import examples, load_yaml
from tests.nlu import evaluate, noise, report

TOPICS = ("schedule", "contrast", "decline", "chitchat", "followup", "dialogue", "gate", "red_flags")


def test_the_red_flag_gate_is_the_last_component() -> None:
    names = [component["name"] for component in yaml.safe_load(Path("config.yml").read_text())["pipeline"]]
    assert names[-1] == "bot.nlu.red_flag_gate.RedFlagGate"
    assert names.index("bot.nlu.classifier.TopicClassifier") < names.index("bot.nlu.selector.AnswerSelector")


@pytest.mark.model
@pytest.mark.slow
def test_two_trainings_on_the_same_data_give_identical_predictions(tmp_path: Path) -> None:
    for topic in TOPICS:
        (tmp_path / "data" / "nlu").mkdir(parents=True, exist_ok=True)
        data = load_yaml(Path(f"data/nlu/{topic}.yml"))
        for item in data["nlu"]:
            item["examples"] = "".join(f"- {sentence}\n" for sentence in examples(item["examples"])[:10])
        (tmp_path / "data" / "nlu" / f"{topic}.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    parsed = [_train_and_parse(tmp_path, str(number)) for number in (1, 2)]
    assert parsed[0] == parsed[1]


def _train_and_parse(folder: Path, name: str) -> list[Any]:
    command = [sys.executable, "-m", "bot.runtime.rasa", "train", "nlu", "--nlu", str(folder / "data" / "nlu")]
    command += ["--out", str(folder), "--fixed-model-name", name]
    # A cache would hand the first model back.
    environment = {**os.environ, "RASA_MAX_CACHE_SIZE": "0", "ACTION_ENDPOINT_URL": "http://127.0.0.1:9"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    from bot.runtime.agent import load

    agent = load(folder / f"{name}.tar.gz")
    texts = [row["text"] for row in evaluate.read("dev", "questions")[:40]]

    async def parse() -> list[Any]:
        return [await agent.parse_message(text) for text in texts]

    return asyncio.run(parse())


# Floors lie a little below the last measured figures (docs/qa.md), so that a change for the worse is seen.
FLOORS = {
    "question: the fact is in the answer": 0.85,
    "question: no answer on a wrong subject": 0.96,
    "two questions: both answered, in order": 0.60,
    "out of scope: no leaflet answer": 0.80,
    "red flag: emergency or urgent never none": 0.93,
    "red flag: emergency recognised as emergency": 0.80,
    "red flag: right level": 0.85,
    "no alarm: all": 0.85,
}


# Of an answer's held-out and development questions together, where there are at least so many.
ENOUGH_QUESTIONS = 3
ANSWER_FLOOR = 1 / 3
# Answers that their questions do not find yet; take one off the list when it is found.
KNOWN_WEAK = {"side_effects_treated"}
# One sentence in so many, with one typo each.
EVERY = 4
TYPO_FLOORS = {
    "question: the fact is in the answer": 0.80,
    "red flag: emergency or urgent never none": 0.88,
    "no alarm: all": 0.82,
}
CALIBRATION_FLOOR = 0.10
"""Expected calibration error of the probability that a leaflet answers a message, at most."""


@pytest.fixture(scope="module")
def outcomes(agent: Any, loop: asyncio.AbstractEventLoop) -> dict[str, list[evaluate.Outcome]]:
    """What the bot makes of the held-out sentences, and of the development questions."""
    return {
        "heldout": loop.run_until_complete(evaluate.outcomes(agent, "heldout")),
        "dev": loop.run_until_complete(evaluate.outcomes(agent, "dev", ["question"], rank=False)),
    }


def test_the_figures_on_held_out_sentences_stay_above_their_floors(outcomes: dict[str, list[evaluate.Outcome]]) -> None:
    figures = {figure.name: figure for figure in evaluate.figures(outcomes["heldout"])}
    print("\n" + "\n".join(figure.line() for figure in figures.values()))
    below = [figures[name].line() for name, floor in FLOORS.items() if figures[name].share < floor]
    assert below == []


def test_every_answer_is_found_by_its_questions(outcomes: dict[str, list[evaluate.Outcome]]) -> None:
    answers = report.by_answer(outcomes["heldout"] + outcomes["dev"])
    judged = [answer for answer in answers if answer.total >= ENOUGH_QUESTIONS]
    assert len(judged) > 50
    assert {answer.name for answer in judged if answer.share < ANSWER_FLOOR} - KNOWN_WEAK == set()


def test_the_probability_that_a_leaflet_answers_is_calibrated(outcomes: dict[str, list[evaluate.Outcome]]) -> None:
    assert report.calibration(outcomes["heldout"])[1] <= CALIBRATION_FLOOR


def test_a_typo_in_each_sentence_costs_little(agent: Any, loop: asyncio.AbstractEventLoop) -> None:
    found = loop.run_until_complete(
        evaluate.outcomes(agent, "heldout", report.ROBUST_PARTS, noise.typo, every=EVERY, rank=False)
    )
    figures = {figure.name: figure for figure in evaluate.figures(found)}
    below = [figures[name].line() for name, floor in TYPO_FLOORS.items() if figures[name].share < floor]
    assert below == []
