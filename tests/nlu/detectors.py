"""The two red-flag detectors one by one: what the wording rules see, what the learnt ones see, and both."""

from __future__ import annotations

from typing import Any

from bot.triage import Assessment, Level
from bot.triage.classifier import Read, ReportClassifier
from tests.nlu import evaluate
from tests.nlu.evaluate import LEVELS, Figure

RULES, LEARNT, BOTH = "wording rules alone", "learnt detectors alone", "both"
GRAVE, EMERGENCY, QUIET = (
    "emergency or urgent found",
    "emergency recognised as emergency",
    "no alarm where there is none",
)


async def levels(agent: Any, kind: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Each sentence of the red-flag sets that stands alone, with the level that each detector gives it."""
    from bot.nlu import red_flag_gate

    rows = [row for row in evaluate.rows(kind, "red_flag") if not row.get("previous")]
    given: dict[str, str] = {}
    judge = ReportClassifier.judge

    def spy(
        self: ReportClassifier, assessment: Assessment, text: str, read: Read, *, otherwise: bool = False
    ) -> Assessment:
        done = judge(self, assessment, text, read, otherwise=otherwise)
        alone = judge(self, Assessment(Level.NONE), text, read, otherwise=otherwise)
        given.update({RULES: assessment.level.label, LEARNT: alone.level.label, BOTH: done.level.label})
        return done

    found = []
    red_flag_gate.ReportClassifier.judge = spy  # type: ignore[method-assign]
    try:
        for row in rows:
            given.clear()
            given.update(dict.fromkeys((RULES, LEARNT, BOTH), "none"))  # words of a call already made are not judged
            await agent.parse_message(row["text"])
            found.append((row, dict(given)))
    finally:
        red_flag_gate.ReportClassifier.judge = judge  # type: ignore[method-assign]
    return found


def table(found: list[tuple[dict[str, Any], dict[str, str]]]) -> dict[str, list[Figure]]:
    """For each detector the figures :data:`GRAVE`, :data:`EMERGENCY` and :data:`QUIET`."""
    made = {}
    for detector in (RULES, LEARNT, BOTH):
        grave, emergency, quiet = Figure(GRAVE), Figure(EMERGENCY), Figure(QUIET)
        for row, given in found:
            level, lowest, got = row["level"], row.get("at_least", row["level"]), given[detector]
            miss = f"{level} got {got}: {row['text'][:150]}"
            if level == "none":
                quiet.add(got == "none", miss)
            elif LEVELS.index(level) >= LEVELS.index("urgent"):
                grave.add(got != "none", miss)
            if level == lowest == "emergency":
                emergency.add(got == "emergency", miss)
        made[detector] = [grave, emergency, quiet]
    return made
