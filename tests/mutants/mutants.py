"""The mutants: one harm each, and the smallest set of tests that must see it.

A change is a regular expression and what takes its place; it must fit the file exactly once (``swap`` exchanges two
matches). tests/unit/kit/test_mutants.py checks that each still fits, so a file that moves on does not leave its mutant
behind in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class DoesNotFit(Exception):
    """The file has changed so that the mutant no longer applies; the text says which."""


@dataclass(frozen=True)
class Mutant:
    """A harm done to one file.

    Attributes:
        name: what is broken, as a sentence.
        file: where.
        change: the file's text, broken.
        tests: what pytest runs; at least one test must fail.
        model: whether these tests use the trained model. It is not trained again: such a mutant breaks what is read or
            run after the training.
    """

    name: str
    file: str
    change: Callable[[str], str]
    tests: tuple[str, ...]
    model: bool = False

    def apply(self, root: Path) -> None:
        """Break the file below ``root``.

        Raises:
            DoesNotFit: when the file does not hold what is to be broken.
        """
        path = root / self.file
        before = path.read_text(encoding="utf-8")
        after = self.change(before)
        if after == before:
            raise DoesNotFit(f"{self.name}: nothing changed in {self.file}")
        path.write_text(after, encoding="utf-8")


def put(pattern: str, instead: str) -> Callable[[str], str]:
    """Replace the only match of a pattern."""

    def change(text: str) -> str:
        found = re.findall(pattern, text)
        if len(found) != 1:
            raise DoesNotFit(f"{pattern!r} fits {len(found)} times, not once")
        return re.sub(pattern, instead, text)

    return change


def every(pattern: str, instead: str) -> Callable[[str], str]:
    """Replace all matches of a pattern."""
    return lambda text: re.sub(pattern, instead, text)


def swap(one: str, other: str) -> Callable[[str], str]:
    """Exchange the only matches of two patterns."""

    def change(text: str) -> str:
        first, second = re.search(one, text), re.search(other, text)
        if not first or not second or first.end() > second.start():
            raise DoesNotFit(f"{one!r} and {other!r} do not both fit, in this order")
        between = text[first.end() : second.start()]
        return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]

    return change


def row(symptom: str) -> Callable[[str], str]:
    """Drop a symptom from the red-flag table."""
    return put(rf"(?ms)^- row: \d+\n  symptom: {symptom}\n.*?(?=^- row: |^\S|\Z)", "")


def response(name: str) -> str:
    """A pattern for a retrieval response's text up to its metadata."""
    return rf"(?ms)(?<=  utter_faq/{name}:\n)  - text: .*?(?=^    metadata:)"


ROWS = ("tests/unit/triage/test_rows.py",)
READINGS = ("tests/unit/triage/test_readings.py",)
ASSERTION = ("tests/unit/triage/test_assertion.py",)
DOMAIN = ("tests/content/test_domain.py",)
ANSWERS = ("tests/content/test_answers.py",)
CORE = ("tests/unit/channels/test_core.py",)
TALKS = "tests/conversations/test_conversations.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- the red-flag table and the readings
    Mutant("chest pain is no red flag", "data/clinical/red_flags.yml", row("chest_pain"), ROWS),
    Mutant("thoughts of suicide are no red flag", "data/clinical/red_flags.yml", row("suicide"), ROWS),
    Mutant(
        "a seizure is urgent, no emergency",
        "data/clinical/red_flags.yml",
        put(r"(?m)(?<=^  symptom: seizure\n)(  title: .*\n)  level: emergency", r"\1  level: urgent"),
        ROWS,
    ),
    Mutant(
        "a fever counts from 38.5",
        "data/clinical/readings.yml",
        put(r"(?<=at_least: )37\.5 degC(?=, level: urgent, symptom: fever)", "38.5 degC"),
        READINGS,
    ),
    Mutant(
        "degrees Fahrenheit are read as Celsius",
        "bot/triage/readings/temperature.py",
        put(r'convert\(value, "degF", "temperature"\)', "value"),
        READINGS,
    ),
    Mutant(
        "no denial is understood", "data/clinical/assertion.yml", put(r"(?m)^    \(no\|not\|never\|.*\n", ""), ASSERTION
    ),
    Mutant(
        '"not only" and its like deny what follows',
        "data/clinical/assertion.yml",
        put(r"(?ms)(?<=^  pseudo: \|\n).*?(?=^  exception:)", "    zzz\n\n"),
        ASSERTION,
    ),
    # -- rules, texts and the clinic's numbers
    Mutant(
        "the action is run before the text is said",
        "data/stories/rules.yml",
        put(
            r"(- intent: red_flag_urgent\n)  (- action: utter_contact_urgent\n)  (- action: action_escalate\n)",
            r"\1  \3  \2",
        ),
        DOMAIN,
    ),
    Mutant(
        "an emergency is not recorded",
        "data/stories/rules.yml",
        put(
            r"(- intent: red_flag_emergency\n  - action: utter_contact_emergency\n)  - action: action_escalate\n", r"\1"
        ),
        DOMAIN,
    ),
    Mutant(
        "the emergency text names no number",
        "domain.yml",
        every(r"Call \{emergency_number\} now\. Then call", "Later, call"),
        DOMAIN,
    ),
    Mutant(
        "a safety text has a second wording",
        "domain.yml",
        put(r"(?ms)(^  utter_contact_soon:\n)(  - text: .*?)(?=  - condition:)", r"\1\2\2"),
        DOMAIN,
    ),
    Mutant(
        "the clinic's number is left out",
        "bot/clinic.py",
        put(r"\{team\}, \{clinic\.team_number\},", "{team}"),
        ("tests/unit/test_clinic.py",),
    ),
    Mutant(
        "production starts without the clinic's number",
        "bot/clinic.py",
        put(r" and \(clinic\.demo or not clinic\.team_number\)", " and clinic.demo"),
        ("tests/unit/test_clinic.py",),
    ),
    Mutant(
        "UK patients get the US emergency number",
        "data/clinical/numbers.yml",
        put(r'emergency_number: "999"', 'emergency_number: "911"'),
        (TALKS, "-k", "us_and_uk"),
        model=True,
    ),
    # -- the answers
    Mutant(
        "two answers are swapped",
        "data/nlu/schedule.yml",
        swap(response("schedule_how_often"), response("schedule_infusion_length")),
        ANSWERS,
    ),
    Mutant(
        "one answer names another fever limit",
        "data/nlu/fever.yml",
        put(response("fever_threshold"), "  - text: |-\n      Call {team_number} now at 38°C (100.4°F) or more.\n"),
        ("tests/content/test_agreement.py",),
    ),
    Mutant(
        "an answer names no leaflet",
        "data/nlu/sun.yml",
        put(r"(?ms)(^  utter_faq/sun_overview:.*?      sources: )\[[^\]]*\]", r"\1[]"),
        ANSWERS,
    ),
    # -- the pipeline
    Mutant(
        "the gate no longer comes last",
        "config.yml",
        put(
            r"(- name: bot\.nlu\.selector\.AnswerSelector\n)((?:#.*\n)*- name: bot\.nlu\.red_flag_gate\.RedFlagGate\n)",
            r"\2\1",
        ),
        ("tests/nlu/test_pipeline.py", "-k", "last_component"),
    ),
    Mutant(
        "the gate's verdict is thrown away",
        "bot/nlu/red_flag_gate.py",
        put(r"if after != before\[\"name\"\]:", "if False:"),
        (TALKS, "-k", "red_flags"),
        model=True,
    ),
    Mutant(
        "a pressed topic button counts as a report",
        "bot/nlu/red_flag_gate.py",
        put(r"pressed = before\[.*", "pressed = False"),
        (TALKS, "-k", "happy_path"),
        model=True,
    ),
    Mutant(
        "any answer is given, however unlikely",
        "bot/nlu/selector.py",
        put(r"answer: float = 0\.\d+", "answer: float = 0.0"),
        (TALKS, "-k", "declines or hostile"),
        model=True,
    ),
    Mutant(
        "an answer is given only when it is all but certain",
        "bot/nlu/selector.py",
        put(r"answer: float = 0\.\d+", "answer: float = 0.999"),
        (TALKS, "-k", "happy_path"),
        model=True,
    ),
    # -- replies and channels
    Mutant(
        "the reminder to call is forgotten",
        "bot/nlg.py",
        put(r"(?m)^        if self\.talk\.contact_level:\n            lines\.append.*\n", ""),
        ("tests/unit/test_nlg.py",),
    ),
    Mutant(
        "a turn that says nothing stays empty",
        "bot/channels/core.py",
        put(r"safety\.fallback\(text, setting\)", "[]"),
        CORE,
    ),
    Mutant(
        "a typed slash is a command",
        "bot/channels/checks.py",
        put(r"(?m)^    while spaced\[:1\].*\n.*\n", ""),
        ("tests/unit/channels/test_checks.py",),
    ),
    Mutant(
        "a slow turn is not screened for red flags",
        "bot/channels/core.py",
        put(r"urgent = safety\.screen\(text\)", "urgent = None"),
        CORE,
    ),
    Mutant(
        "a failing action gives its error to Rasa",
        "actions/base.py",
        put(r"except Exception as error:", "except ZeroDivisionError as error:"),
        ("tests/unit/actions",),
    ),
    Mutant(
        "an escalation is kept twice",
        "bot/escalations.py",
        put(r'    sa\.UniqueConstraint\("conversation", "message_id"\),\n', ""),
        ("tests/unit/test_escalations.py",),
    ),
)
