"""Denied, asked, past, somebody else's, figures of speech: by clause, and in doubt it escalates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.triage import Assertion, Level, assess

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "assertion.yml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:50] or "empty")
def test_assertion(case: dict[str, Any]) -> None:
    result = assess(case["text"])
    assert result.level is Level.from_label(case["level"])
    assert result.bystander is case.get("bystander", False)
    assert (result.normal_reading is not None) is case.get("normal", False)
    found = {(finding.symptom, finding.assertion) for finding in result.findings}
    for assertion in Assertion:
        if assertion.value in case:
            assert (case[assertion.value], assertion) in found


def test_evidence_is_the_patients_own_text() -> None:
    text = "Since lunch: CHEST   PAIN, and  my “heart” races"
    for finding in assess(text).findings:
        assert text[slice(*finding.span)] == finding.evidence


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("I'm on the ward and I feel dizzy", "hospital"),
        ("in hospital at the moment", "hospital"),
        ("at home, temperature 38.5", "home"),
        ("I feel dizzy", None),
        ("they've kept me in", "hospital"),
        ("I'm at home", "home"),
        ("is it normal to be dizzy? I'm on the ward", "hospital"),
        ("I was on the ward last week", None),
        ("how long will I be in the hospital for each cycle", None),
        ("what are the visiting hours at the hospital?", None),
        ("can I inject at home", None),
        ("when do I go home", None),
        ("once I'm home, who do I ring", None),
    ],
)
def test_setting(text: str, setting: str | None) -> None:
    assert assess(text).setting == setting


@pytest.mark.parametrize(
    ("text", "ask"),
    [("I feel hopeless", "suicide"), ("is chest pain common", "happening_now"), ("I have a fever", "temperature")],
)
def test_question_worth_asking(text: str, ask: str) -> None:
    assert assess(text).ask == ask
