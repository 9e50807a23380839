"""How the evidence on a message is weighed into a level."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.triage import assess, weighing
from bot.triage.model import Level
from bot.triage.rules import RulesError
from bot.triage.weighing import Learnt, Weighing

NOTHING_LEARNT = Learnt({}, 0.0)
FORMULAS = "formulas: {report: {bias: 0}, emergency: {bias: 0}, urgent: {bias: 0}}"
LINES = "lines: {report: 0.2, unseen: 0.3, sentence: 0.4, normal: 0.8, doubt: 0.1, emergency: 0.4, urgent: 0.4}"


def of(text: str) -> dict[str, float]:
    assessment = assess(text)
    return weighing.features(text, assessment.findings, NOTHING_LEARNT)


def test_the_rules_level_is_one_feature() -> None:
    levels = ("rules_soon", "rules_urgent", "rules_emergency")
    assert [of("I have chest pain")[name] for name in levels] == [0, 0, 1]
    assert [of("I have a fever")[name] for name in levels] == [0, 1, 0]
    assert [of("hello")[name] for name in levels] == [0, 0, 0]


def test_a_denial_beside_a_symptom_is_no_evidence_against_it() -> None:
    assert of("no fever")["rules_denied"] == 1
    assert of("no fever but I am coughing")["rules_denied"] == 0


def test_numbers_are_features_of_their_own() -> None:
    assert of("my temperature is 39")["rules_reading"] == 1


def test_the_wording_rules_are_believed_where_nothing_else_is_known() -> None:
    formulas = weighing.load()
    for text in ("I have chest pain", "I have a fever", "I am constipated"):
        assert formulas.probability("report", of(text)) > formulas.lines["report"], text
    assert formulas.probability("report", of("hello")) < formulas.lines["report"]


def test_more_of_a_report_never_makes_it_less_likely() -> None:
    weights = weighing.load().formulas["report"]
    for name in ("red_flag", "grave", "frame", "rules_soon", "rules_urgent", "rules_emergency", "rules_reading"):
        assert weights[name] > 0, name
    for name in ("denied", "past", "other_person", "figurative", "asked", "ordinary"):
        assert weights[name] < 0, name


def test_the_level_follows_the_lines() -> None:
    weights = {"bias": 0.0, "x": 1.0}
    formulas = Weighing({"emergency": weights, "urgent": weights}, {"emergency": 0.8, "urgent": 0.5})
    assert [formulas.level({"x": value}) for value in (3.0, 0.5, -0.5)] == [Level.EMERGENCY, Level.URGENT, Level.SOON]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{FORMULAS}\nlines: {{report: 0.2}}", "needs formulas"),
        (f"{LINES}\nformulas: {{report: {{x: 1}}, emergency: {{bias: 0}}, urgent: {{bias: 0}}}}", "report has no bias"),
        (f"{FORMULAS}\n{LINES.replace('0.2', 'high')}", "with numbers"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_broken_file_gives_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "weighing.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError, match=complaint):
        weighing.load(file)
    with pytest.raises(RulesError, match="cannot be read"):
        weighing.load(tmp_path / "absent.yml")
