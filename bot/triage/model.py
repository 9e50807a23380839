"""The words of the triage package: levels, assertions, readings, findings, context, assessment.

Everything here is immutable and free of behaviour, so that it may be passed between threads,
logged (it holds no more of the patient's text than the evidence words) and compared in tests.
Source: docs/clinical-safety.md; levels and rows follow the red-flag table of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

Span = tuple[int, int]
"""Half-open character range ``(start, end)`` in the text exactly as the patient sent it."""


class Level(IntEnum):
    """How soon the patient must reach somebody; larger is more urgent."""

    NONE = 0
    SOON = 1
    URGENT = 2
    EMERGENCY = 3

    @property
    def label(self) -> str:
        """The name used in data files and in replies: none, soon, urgent or emergency."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> Level:
        """The level of that name.

        Raises:
            ValueError: the name is not one of none, soon, urgent, emergency.
        """
        try:
            return cls[label.strip().upper()]
        except KeyError:
            raise ValueError(f"{label!r} is no level; use none, soon, urgent or emergency") from None


class Assertion(StrEnum):
    """What the patient says about a symptom. Only ``NOW`` carries a level by itself."""

    NOW = "now"
    DENIED = "denied"
    ASKED = "asked"
    HYPOTHETICAL = "hypothetical"
    PAST = "past"
    OTHER = "other"
    FIGURATIVE = "figurative"


@dataclass(frozen=True)
class Reading:
    """A number the patient measured or counted, in its canonical unit.

    Attributes:
        kind: temperature, weight_change, count, duration, urine, pulse, systolic, oxygen, sugar.
        value: in the canonical unit (a weight change is signed: gain above zero).
        unit: degC, kg, 1 (times), h, mL, 1/min, mmHg, %, mmol/L.
        text: the words as written.
        span: where they stand, in characters of the text that was given.
        normal: whether the value lies in the range that needs no call; None where the kind has
            no such range.
        days: over how many days a weight change happened, where said.
        per_hours: over how many hours a count was made, where said.
    """

    kind: str
    value: float
    unit: str
    text: str
    span: Span
    normal: bool | None
    days: float | None = None
    per_hours: float | None = None


@dataclass(frozen=True)
class Finding:
    """One symptom in one message, with what the patient says about it.

    Attributes:
        symptom: id of the symptom (``fever``), unique per row of the red-flag table.
        row: row number in the red-flag table, 1 to 68.
        level: the level this finding carries here; NONE where the assertion removes it.
        assertion: now, denied, asked, hypothetical, past, other or figurative.
        reading: the number behind it, where there is one.
        span: characters of the original text.
        evidence: the words at ``span``.
        leaflets: ids of the leaflets behind the row; ``("cs",)`` where it is common sense.
        detector: ``rules`` or ``classifier``.
    """

    symptom: str
    row: int
    level: Level
    assertion: Assertion
    reading: Reading | None
    span: Span
    evidence: str
    leaflets: tuple[str, ...]
    detector: str = "rules"


@dataclass(frozen=True)
class Context:
    """What the conversation already holds when a message comes in.

    Attributes:
        previous: the patient's earlier messages, oldest first, at most 6.
        open_symptoms: symptom ids of the last assessment, reported or asked about.
        bot_asked: id of a yes/no or reading question the bot has just asked
            (``happening_now``, ``suicide``, ``temperature``), if any.
        setting: ``home`` or ``hospital`` where known.
        last_level: level of the last assessment.
        crisis_open: thoughts of suicide or harm were raised in this conversation.
    """

    previous: tuple[str, ...] = ()
    open_symptoms: tuple[str, ...] = ()
    bot_asked: str | None = None
    setting: str | None = None
    last_level: Level = Level.NONE
    crisis_open: bool = False


@dataclass(frozen=True)
class Assessment:
    """The result for one message.

    Attributes:
        level: the level to act on.
        findings: every finding, also those that carry no level.
        crisis: the crisis line belongs in the reply.
        setting: ``home`` or ``hospital`` as heard in this message, else None.
        bystander: somebody else, not the patient, is ill now: generic emergency advice.
        normal_reading: a reading in the normal range and nothing else.
        ask: id of a question worth asking after the advice, if any.
    """

    level: Level
    findings: tuple[Finding, ...] = ()
    crisis: bool = False
    setting: str | None = None
    bystander: bool = False
    normal_reading: Reading | None = None
    ask: str | None = None

    @property
    def symptoms(self) -> tuple[str, ...]:
        """Ids of the symptoms that carry a level, highest first, each once."""
        ranked = sorted((f for f in self.findings if f.level), key=lambda f: -f.level)
        return tuple(dict.fromkeys(f.symptom for f in ranked))
