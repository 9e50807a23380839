"""Every rule, and with it every action, is reached by a sentence that a patient may type."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.content import UTTER
from bot.importer import load_yaml
from tests.conversations import runner

RULES: list[dict[str, Any]] = load_yaml(Path("data/stories/rules.yml"))["rules"]
STEPS = {rule["steps"][0]["intent"]: [step["action"] for step in rule["steps"][1:]] for rule in RULES}
GATE_ONLY = {"symptom_asked"}
"""Intents that no message gets: their sentences teach the red-flag gate what is no report."""
SENTENCES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("reachable.yml").read_text(encoding="utf-8"))


def test_there_is_one_sentence_for_each_rule() -> None:
    assert Counter(row["intent"] for row in SENTENCES) == Counter(set(STEPS) - GATE_ONLY)


@pytest.mark.parametrize("row", SENTENCES, ids=lambda row: row["intent"])
def test_a_rule_is_reached_by_a_sentence_and_runs_all_its_steps(
    row: dict[str, Any], agent: Any, loop: asyncio.AbstractEventLoop
) -> None:
    from rasa.shared.core.events import ActionExecuted, UserUttered

    talk = runner.InProcess(agent)
    talk.never_delete()  # its events are read below
    replies: list[runner.Reply] = []
    for text in (*row.get("before", ()), row["say"]):
        replies = loop.run_until_complete(talk.say(text))
    events = list(loop.run_until_complete(talk.tracker()).events)
    last = max(i for i, event in enumerate(events) if isinstance(event, UserUttered))
    assert events[last].intent_name == row["intent"]
    ran = [event.action_name for event in events[last:] if isinstance(event, ActionExecuted)]
    assert [name for name in ran if name != "action_listen"] == STEPS[row["intent"]]
    assert runner.text_of(replies)


def test_every_action_of_the_domain_is_in_a_rule() -> None:
    used = {action for actions in STEPS.values() for action in actions}
    domain = load_yaml(Path("domain.yml"))
    assert set(domain["actions"]) - used == set()
    assert all(name.startswith((UTTER, "action_")) for name in used)
