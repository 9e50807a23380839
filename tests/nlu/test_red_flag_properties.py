"""What holds for every message with both red-flag detectors at work, in the trained pipeline."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.nlu import evaluate
from tests.unit.triage.test_properties import DENIALS, REPORTS, UNRELATED

LEVELS = evaluate.LEVELS
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Gate:
    """Asks the trained pipeline for levels."""

    def __init__(self, agent: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._agent, self._loop = agent, loop

    def assessment(self, text: str) -> dict[str, Any]:
        parsed: dict[str, Any] = self._loop.run_until_complete(self._agent.parse_message(text))
        return dict(parsed.get("assessment") or {"level": "none", "findings": []})

    def level(self, text: str) -> int:
        return LEVELS.index(self.assessment(text)["level"])


@pytest.fixture(scope="module")
def gate(agent: Any, loop: asyncio.AbstractEventLoop) -> Gate:
    return Gate(agent, loop)


@pytest.mark.model
@MANY
@given(report=REPORTS, other=UNRELATED)
def test_an_unrelated_sentence_never_lowers_a_level(gate: Gate, report: str, other: str) -> None:
    alone = gate.level(report)
    assert gate.level(f"{other} {report}") >= alone
    assert gate.level(f"{report.rstrip('.')}. {other}") >= alone


@pytest.mark.model
@pytest.mark.parametrize("report", ["can't poo", "I can't breathe", "cant stop shaking"])
def test_a_sentence_is_read_alike_alone_and_among_others(gate: Gate, report: str) -> None:
    """Found by the test above: a short form was cut one way alone, another way in capitals or beside a sentence."""
    alone = gate.level(report)
    for other in (report.upper(), report.replace("'", "\u2019"), f"{report}."):
        assert gate.level(other) == alone, other
    for other in (f"I live in Leeds. {report}", f"{report}. My daughter drove me here on Tuesday."):
        assert gate.level(other) >= alone, other


@pytest.mark.model
@MANY
@given(report=REPORTS)
def test_capitals_change_nothing(gate: Gate, report: str) -> None:
    assert gate.level(report.upper()) == gate.level(report)


@pytest.mark.model
@MANY
@given(report=REPORTS, denial=DENIALS)
def test_a_denial_of_another_symptom_never_lowers_a_level(gate: Gate, report: str, denial: tuple[str, int]) -> None:
    words, row = denial
    alone = gate.assessment(report)
    if row not in {finding["row"] for finding in alone["findings"]}:
        assert gate.level(f"{report.rstrip('.')}. {words}") >= LEVELS.index(alone["level"])
