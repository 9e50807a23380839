"""What holds for every message, however it is typed."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.triage import Level, assess

_ROWS = [
    entry
    for path in sorted((Path(__file__).parent / "cases").glob("rows_*.yml"))
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
]
REPORTS = st.sampled_from(
    [text for entry in _ROWS for key in ("emergency", "urgent", "soon") for text in entry.get(key, ())]
)
UNRELATED = st.sampled_from(
    [
        "I live in Leeds.",
        "My daughter drove me here on Tuesday.",
        "Thank you for the leaflet.",
        "We have two cats.",
        "It is raining today.",
        "I take a walk every morning.",
        "The car park was full.",
        "Where is the clinic?",
        "I like gardening!",
    ]
)
DENIALS = st.sampled_from(
    [
        ("No nosebleeds.", 36),
        ("I have no rash.", 38),
        ("No constipation.", 56),
        ("I'm not pregnant.", 59),
        ("No swollen ankles.", 29),
    ]
)


@settings(max_examples=150, deadline=None)
@given(REPORTS, UNRELATED)
def test_an_unrelated_sentence_never_lowers_a_level(report: str, other: str) -> None:
    alone = assess(report).level
    assert assess(f"{other} {report}").level >= alone
    assert assess(f"{report.rstrip('.')}. {other}").level >= alone


@settings(max_examples=150, deadline=None)
@given(REPORTS)
def test_capitals_change_nothing(report: str) -> None:
    assert assess(report.upper()).level is assess(report).level


@settings(max_examples=150, deadline=None)
@given(REPORTS, DENIALS)
def test_a_denial_of_another_symptom_never_lowers_a_level(report: str, denial: tuple[str, int]) -> None:
    words, row = denial
    alone = assess(report)
    if row not in {finding.row for finding in alone.findings}:
        assert assess(f"{report.rstrip('.')}. {words}").level >= alone.level


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    result = assess(text)
    assert Level.NONE <= result.level <= Level.EMERGENCY
    for finding in result.findings:
        assert text[slice(*finding.span)] == finding.evidence or finding.span == (0, 0)
