"""The safety text without Rasa: a red flag gets the advice of its level, anything else nothing or an apology."""

from __future__ import annotations

import re
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


def _text(name: str) -> str:
    return str(safety.static(name)[0]["text"])


@pytest.mark.parametrize(
    ("text", "level", "symptom"),
    [
        ("I cannot breathe", "emergency", "severe_breathlessness"),
        ("my chest hurts", "emergency", "chest_pain"),
        ("my temperature is 38.6", "urgent", "fever"),
        ("I have a fever of 102", "urgent", "fever"),
    ],
)
def test_a_red_flag_gets_the_advice_of_its_level(text: str, level: str, symptom: str) -> None:
    advice, metadata = safety.screen(text)
    assert advice == {"text": _text(f"utter_contact_{level}")}
    assert metadata == {"custom": {"escalation": {"level": level, "symptoms": [symptom], "setting": "home"}}}


def test_thoughts_of_suicide_get_the_crisis_line() -> None:
    advice, metadata = safety.screen("I want to kill myself")
    assert advice == {"text": _text("utter_contact_crisis")}
    assert "988" in advice["text"]
    assert metadata["custom"]["escalation"]["level"] == "emergency"


@pytest.mark.parametrize(
    "text", ["", "How long is one infusion?", "thank you", "I have no fever", "asdf", "\x00", "😀"]
)
def test_what_holds_no_red_flag_gets_nothing(text: str) -> None:
    assert safety.screen(text) == []


def test_the_setting_that_is_heard_stands_in_the_metadata() -> None:
    _, metadata = safety.screen("I am in the hospital and I cannot breathe")
    assert metadata["custom"]["escalation"]["setting"] == "hospital"
    assert safety.heard("I am in the hospital and I cannot breathe") == "hospital"
    assert safety.heard("I cannot breathe") == ""


@pytest.mark.parametrize(
    ("text", "known", "told"),
    [
        ("I cannot breathe", "", "home"),
        ("I cannot breathe", "home", "home"),
        ("I cannot breathe", "hospital", "hospital"),
        ("I am in the hospital and I cannot breathe", "", "hospital"),
        ("I am in the hospital and I cannot breathe", "home", "hospital"),
    ],
)
def test_the_advice_is_that_of_the_setting(text: str, known: str, told: str) -> None:
    advice, metadata = safety.screen(text, known)
    named = known if known and told == known else "hospital" if told == "hospital" else ""
    assert advice == safety.static("utter_contact_emergency", named)[0]
    assert ("press your call button" in advice["text"].lower()) == (named != "home")
    assert ("911" in advice["text"]) == (named != "hospital")
    assert metadata["custom"]["escalation"]["setting"] == told
    assert safety.fallback(text, known)[0] == advice


@pytest.mark.parametrize("level", [Level.SOON, Level.URGENT, Level.EMERGENCY])
def test_each_level_has_its_own_advice(monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    monkeypatch.setattr(safety, "assess", lambda text: Assessment(level))
    advice, metadata = safety.screen("anything")
    assert advice == {"text": _text(f"utter_contact_{level.label}")}
    assert metadata == {"custom": {"escalation": {"level": level.label, "symptoms": [], "setting": "home"}}}


def test_somebody_else_who_is_ill_now_gets_advice_without_an_escalation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "assess", lambda text: Assessment(Level.NONE, bystander=True))
    assert safety.screen("anything") == safety.static("utter_contact_bystander")


def test_the_apology_comes_alone_where_there_is_no_red_flag() -> None:
    assert safety.fallback("How long is one infusion?") == safety.static("utter_technical")


def test_the_apology_comes_after_the_advice() -> None:
    texts = [reply["text"] for reply in safety.fallback("I cannot breathe") if "text" in reply]
    assert texts == [_text("utter_contact_emergency"), _text("utter_technical")]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_no_text_whatever_is_left_without_a_reply(text: str) -> None:
    first, *_ = safety.fallback(text)
    assert first["text"].strip()


def test_a_shared_response_is_filled_and_its_referral_is_a_message_of_its_own(domain: Any) -> None:
    text, metadata = safety.static("utter_technical")
    assert "{" in domain["utter_technical"][0]["text"]
    assert "{" not in text["text"]
    assert metadata == {"custom": {"referral": {"reason": "technical"}}}


@pytest.mark.parametrize("level", ["emergency", "urgent", "soon", "crisis"])
def test_the_advice_is_the_one_for_a_patient_of_whom_nothing_is_known(domain: Any, level: str) -> None:
    (plain,) = [v["text"] for v in domain[f"utter_contact_{level}"] if "condition" not in v]
    written = [part for part in re.split(r"[{][^}]*[}]", plain) if part.strip(" ,.")]
    assert all(part.strip(" ,.") in _text(f"utter_contact_{level}") for part in written)


def test_an_unknown_response_is_an_error_and_not_silence() -> None:
    with pytest.raises(KeyError):
        safety.static("utter_no_such_response")
