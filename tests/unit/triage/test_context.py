"""A message is read with those before it (rule i)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.triage import Context, Level, assess

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "conversation.yml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['said'][-1][:25]} > {case['text'][:30]}")
def test_conversation(case: dict[str, Any]) -> None:
    context = Context(
        previous=tuple(case["said"]),
        open_symptoms=tuple(case.get("open", ())),
        bot_asked=case.get("asked"),
        last_level=Level.from_label(case.get("last", "none")),
        crisis_open=case.get("crisis_open", False),
    )
    result = assess(case["text"], context)
    assert result.level is Level.from_label(case["level"])
    assert result.crisis is case.get("crisis", False)
