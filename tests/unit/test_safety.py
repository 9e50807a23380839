"""The safety text without Rasa: a red flag gets the advice of its level, anything else nothing or the honest apology."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import safety
from bot.triage import Assessment, Level


@pytest.fixture(scope="module")
def domain() -> Any:
    return yaml.safe_load(safety.DOMAIN_FILE.read_text(encoding="utf-8"))["responses"]


@pytest.mark.parametrize(
    ("text", "level", "symptom"),
    [
        ("I cannot breathe", "emergency", "breathless_severe"),
        ("my temperature is 38.6", "urgent", "fever"),
        ("I have a fever of 102", "urgent", "fever"),
    ],
)
def test_a_red_flag_gets_the_advice_of_its_level(text: str, level: str, symptom: str) -> None:
    (reply,) = safety.screen(text)
    assert reply["text"] == safety.static(f"utter_contact_{level}")["text"]
    escalation = reply["custom"]["escalation"]
    assert escalation["level"] == level
    assert symptom in escalation["symptoms"] or escalation["symptoms"]
    assert escalation["setting"] == "home"


def test_thoughts_of_suicide_get_the_crisis_line() -> None:
    (reply,) = safety.screen("I want to kill myself")
    assert reply["text"] == safety.static("utter_contact_crisis")["text"]
    assert "988" in reply["text"]
    assert reply["custom"]["escalation"]["level"] == "emergency"


@pytest.mark.parametrize("text", ["", "How long is one infusion?", "thank you", "I have no fever", "asdf", "\x00", "😀"])
def test_what_holds_no_red_flag_gets_nothing(text: str) -> None:
    assert safety.screen(text) == []


def test_the_setting_that_is_heard_stands_in_the_metadata() -> None:
    (reply,) = safety.screen("I am in the hospital and I cannot breathe")
    assert reply["custom"]["escalation"]["setting"] == "hospital"


@pytest.mark.parametrize("level", [Level.SOON, Level.URGENT, Level.EMERGENCY])
def test_each_level_has_its_own_advice(monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    monkeypatch.setattr(safety, "assess", lambda text: Assessment(level))
    (reply,) = safety.screen("anything")
    assert reply["text"] == safety.static(f"utter_contact_{level.label}")["text"]
    assert reply["custom"] == {"escalation": {"level": level.label, "symptoms": [], "setting": "home"}}


def test_somebody_else_who_is_ill_now_gets_advice_without_an_escalation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "assess", lambda text: Assessment(Level.NONE, bystander=True))
    assert safety.screen("anything") == [safety.static("utter_contact_bystander")]


def test_the_apology_comes_alone_where_there_is_no_red_flag() -> None:
    assert safety.fallback("How long is one infusion?") == [safety.static("utter_technical")]


def test_the_apology_comes_after_the_advice() -> None:
    replies = safety.fallback("I cannot breathe")
    assert [reply["text"] for reply in replies] == [
        safety.static("utter_contact_emergency")["text"],
        safety.static("utter_technical")["text"],
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_no_text_whatever_is_left_without_a_reply(text: str) -> None:
    replies = safety.fallback(text)
    assert replies
    assert all(reply["text"].strip() for reply in replies)


def test_a_shared_response_is_filled_and_carries_its_referral(domain: Any) -> None:
    reply = safety.static("utter_technical")
    assert reply["custom"] == {"referral": {"reason": "technical"}}
    assert "{" in domain["utter_technical"][0]["text"]
    assert "{" not in reply["text"]


def test_the_advice_for_a_patient_of_whom_nothing_is_known_is_the_one_without_a_condition(domain: Any) -> None:
    for name in ("emergency", "urgent", "soon", "crisis"):
        variants = domain[f"utter_contact_{name}"]
        plain = [v for v in variants if "condition" not in v]
        assert len(plain) == 1
        first_words = plain[0]["text"].split("{")[0].strip()
        assert safety.static(f"utter_contact_{name}")["text"].startswith(first_words)


def test_an_unknown_response_is_an_error_and_not_silence() -> None:
    with pytest.raises(KeyError):
        safety.static("utter_no_such_response")
