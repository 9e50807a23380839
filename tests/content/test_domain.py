"""The domain and the rules: everything used exists, everything that exists is used, one variant for safety texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.base import SafeAction
from bot import dates
from bot.importer import load_yaml
from bot.nlg import SETTINGS
from tests.content.test_answers import grade

DOMAIN: dict[str, Any] = load_yaml(Path("domain.yml"))
RULES: list[dict[str, Any]] = load_yaml(Path("data/stories/rules.yml"))["rules"]
CODE = "\n".join(
    file.read_text(encoding="utf-8") for file in [*Path("bot").rglob("*.py"), *Path("actions").rglob("*.py")]
)
RED_FLAGS: dict[str, Any] = load_yaml(Path("data/clinical/red_flags.yml"))
LEVELS = ("emergency", "urgent", "soon", "crisis")
BUILT = {
    *dates.NAMES,
    *(f"utter_reminder_{level}" for level in LEVELS),
    *(f"utter_label_{setting}" for setting in SETTINGS),
    *(f"utter_ask_{question}" for question in ("setting", "country", "happening_now", "suicide")),
}
"""Names that the code puts together from a level, a setting or a question; each of them must exist."""


def _steps(kind: str) -> list[str]:
    return [step[kind] for rule in RULES for step in rule["steps"] if kind in step]


def test_every_action_of_the_rules_exists() -> None:
    known = set(DOMAIN["responses"]) | set(DOMAIN["actions"])
    assert set(_steps("action")) - known == set()


def test_every_response_is_used() -> None:
    unused = {name for name in DOMAIN["responses"] if name not in _steps("action") and name not in CODE}
    config = Path("config.yml").read_text(encoding="utf-8")
    extra = {f"utter_also_{row['symptom']}" for row in RED_FLAGS["rows"]}
    assert {name for name in unused - BUILT - extra if name not in config} == set()


def test_every_response_that_the_code_puts_together_exists() -> None:
    assert BUILT - set(DOMAIN["responses"]) == set()


def test_every_response_named_in_the_code_exists() -> None:
    named = set(re.findall(r"\"(utter_[a-z_]+)\"", CODE)) - {"utter_", "utter_action", "utter_contact_"}
    assert named - set(DOMAIN["responses"]) == set()


def test_every_extra_line_belongs_to_a_symptom() -> None:
    symptoms = {row["symptom"] for row in RED_FLAGS["rows"]}
    extra = {name.removeprefix("utter_also_") for name in DOMAIN["responses"] if name.startswith("utter_also_")}
    assert extra - symptoms == set()


def test_every_intent_has_a_rule() -> None:
    assert set(DOMAIN["intents"]) - set(_steps("intent")) == set()


def test_every_action_class_is_in_the_domain() -> None:
    for file in Path("actions").glob("action_*.py"):
        __import__(f"actions.{file.stem}")
    ours = [action for action in SafeAction.__subclasses__() if action.__module__.startswith("actions.")]
    assert {action.action_name for action in ours} == {name for name in DOMAIN["actions"] if name.startswith("action_")}


def test_a_red_flag_says_its_text_before_anything_else_and_acts_last() -> None:
    for rule in RULES:
        intent = rule["steps"][0]["intent"]
        if intent.startswith("red_flag_") and intent != "red_flag_bystander":
            actions = [step["action"] for step in rule["steps"][1:]]
            assert actions[0].startswith("utter_contact_")
            assert actions[-1] == "action_escalate"


@pytest.mark.parametrize("name", [name for name in DOMAIN["responses"] if name.startswith("utter_contact_")])
def test_a_safety_text_is_one_short_plain_variant_for_each_setting(name: str) -> None:
    variants = DOMAIN["responses"][name]
    settings = [tuple(c["value"] for c in variant.get("condition", ())) for variant in variants]
    assert len(settings) == len(set(settings))
    for variant in variants:
        assert len(re.findall(r"[.!?](?:\s|$)", variant["text"])) <= 4
        assert grade(variant["text"]) <= 6
        assert not re.search(r"\b(don't worry|nothing serious|you will be fine|probably)\b", variant["text"].lower())


@pytest.mark.parametrize(
    ("level", "number"),
    [
        ("emergency", "emergency_number"),
        ("urgent", "team_number"),
        ("crisis", "crisis_line"),
        ("bystander", "emergency_number"),
    ],
)
def test_the_right_number_or_the_call_button_comes_first(level: str, number: str) -> None:
    for variant in DOMAIN["responses"][f"utter_contact_{level}"]:
        first = re.split(r"(?<=[.!?])\s", variant["text"])[0]
        assert f"{{{number}}}" in first or "call button" in first


def test_no_ordinary_code_holds_a_phone_number() -> None:
    assert not re.search(r"\b(911|999|988|116 123|1-800)\b", CODE)


def test_rules_hold_no_duplicate_intent() -> None:
    intents = _steps("intent")
    assert len(intents) == len(set(intents))
    assert yaml.safe_load(Path("endpoints.yml").read_text())["nlg"]["type"] == "bot.nlg.CompanionNLG"
