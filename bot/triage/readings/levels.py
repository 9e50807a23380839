"""From a reading to its level: the thresholds of ``readings.yml`` applied to one value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

from bot.triage.model import Level, Reading
from bot.triage.readings.sheet import lay_out
from bot.triage.readings.units import convert
from bot.triage.readings.vocabulary import ReadingsFileError, alternation, vocabulary

_KIND_OF_TOPIC = {
    "vomiting": "count",
    "diarrhea": "count",
    "urinations": "count",
    "no_urine_for": "duration",
}
_HOURS_PER_DAY = 24.0
_HOURS_PER_WEEK = 168.0


@dataclass(frozen=True)
class Threshold:
    """One line of the thresholds; ``limit`` is in the canonical unit of the kind."""

    comparison: str
    limit: float
    level: Level
    symptom: str
    row: int
    sources: tuple[str, ...]
    days: float | None
    per_day: bool
    per_week: bool
    only: bool
    per_hours_at_least: float | None

    def reached(self, value: float) -> bool:
        """Whether a value, in the same unit, is on the far side of the limit."""
        if self.comparison == "at_least":
            return value >= self.limit
        if self.comparison == "above":
            return value > self.limit
        if self.comparison == "at_most":
            return value <= self.limit
        return value < self.limit


def _quantity(written: str, kind: str) -> float:
    match = re.fullmatch(r"\s*(-?[\d.]+)\s*(.*?)\s*", written)
    if match is None:
        raise ReadingsFileError(f"readings.yml: {written!r} is no number with a unit")
    unit = match.group(2) or "dimensionless"
    return convert(float(match.group(1)), f"1{unit}" if unit.startswith("/") else unit, kind)


@cache
def thresholds(topic: str) -> tuple[Threshold, ...]:
    """The lines of one topic (a kind of reading, or what is counted), in the file's order."""
    kind = _KIND_OF_TOPIC.get(topic, topic)
    lines = []
    for entry in vocabulary().at("thresholds", topic):
        named = [c for c in ("at_least", "above", "at_most", "below") if c in entry]
        if len(named) != 1:
            raise ReadingsFileError(f"readings.yml: thresholds > {topic}: one limit per line")
        try:
            level = Level.from_label(entry["level"])
            line = Threshold(
                named[0],
                _quantity(entry[named[0]], kind),
                level,
                entry["symptom"],
                int(entry["row"]),
                tuple(entry["from"]),
                float(entry["days"]) if "days" in entry else None,
                entry.get("per_day") == "true",
                entry.get("per_week") == "true",
                entry.get("only") == "true",
                float(entry["per_hours_at_least"]) if "per_hours_at_least" in entry else None,
            )
        except (KeyError, ValueError) as error:
            raise ReadingsFileError(f"readings.yml: thresholds > {topic}: {error}") from error
        lines.append(line)
    return tuple(lines)


@cache
def harmless(kind: str) -> tuple[float, float] | None:
    """The harmless range of a kind in its canonical unit, both ends included, if it has one."""
    ranges = vocabulary().at("harmless")
    if kind not in ranges:
        return None
    low, high = ranges[kind]
    return _quantity(low, kind), _quantity(high, kind)


@cache
def cue(*names: str) -> re.Pattern[str]:
    """A pattern for the words of some lists of the section ``counting``, on a sheet's line."""
    words: list[str] = []
    for name in names:
        words += vocabulary().words("counting", name)
    return re.compile(alternation(words))


@cache
def no_urine() -> re.Pattern[str]:
    """Reads "Not peed", "no wee", "without passing water", on a sheet's line."""
    vocab = vocabulary()
    between = "|".join(map(re.escape, vocab.words("counting", "pee_between")))
    return re.compile(
        rf"{alternation(vocab.words('counting', 'pee_not'))}"
        rf"(?: (?:{between})(?!\S)){{0,6}} "
        rf"{alternation(vocab.words('counting', 'urine'))}"
    )


def counted(line: str) -> str | None:
    """What a count in this line is about: vomiting, diarrhea, urine or None.

    Urine goes before the toilet ("to the toilet four times for a wee"); a line that names
    vomiting and the toilet is about vomiting ("sick in the toilet").
    """
    plain = cue("nausea").sub("", line)
    for topic in ("urine", "vomiting", "diarrhea"):
        if cue(topic).search(plain):
            return topic
    return None


_TOLD_BY_WORDS = ("count", "duration", "urine")
"""Kinds whose level depends on the words of the reading, not on its value alone."""


def _line(reading: Reading) -> str:
    return lay_out(reading.text).line if reading.kind in _TOLD_BY_WORDS else ""


def _topic(kind: str, line: str) -> str | None:
    if kind == "count":
        topic = counted(line)
        return "urinations" if topic == "urine" else topic
    if kind == "duration":
        return "no_urine_for" if no_urine().search(line) else None
    return kind if kind in vocabulary().at("thresholds") else None


def topic_of(reading: Reading) -> str | None:
    """The section of the thresholds a reading belongs to, or None where there is none."""
    return _topic(reading.kind, _line(reading))


def matching(reading: Reading) -> Threshold | None:
    """The highest line a reading reaches, or None."""
    line = _line(reading)
    topic = _topic(reading.kind, line)
    if topic is None or not math.isfinite(reading.value):
        return None
    says_only = bool(line) and cue("only").search(line) is not None
    reached = [t for t in thresholds(topic) if _applies(t, reading, says_only)]
    return max(reached, key=lambda t: t.level, default=None)


def _applies(line: Threshold, reading: Reading, says_only: bool) -> bool:
    value, hours = reading.value, reading.per_hours
    if line.only and not says_only:
        return False
    if line.per_hours_at_least is not None and (hours or 0.0) < line.per_hours_at_least:
        return False
    if line.days is not None and reading.days is not None and reading.days > line.days:
        return False
    if line.days is not None and reading.days is None and line.days < 7:
        return False  # sudden changes only where the time was said
    if line.per_week:
        weeks = (reading.days or 0.0) * _HOURS_PER_DAY / _HOURS_PER_WEEK
        return weeks > 1 and line.reached(value / weeks)
    if line.per_day and reading.kind == "count" and hours is not None and hours > _HOURS_PER_DAY:
        # So many over some days means at least this many on one of them.
        value = float(math.ceil(value / (hours / _HOURS_PER_DAY)))
    elif line.per_day and reading.kind == "urine" and hours:
        value = value * _HOURS_PER_DAY / hours
    return line.reached(value)


def level_of(reading: Reading) -> tuple[Level, str | None]:
    """The level a reading carries by itself, and the symptom id it stands for.

    Args:
        reading: any reading, in canonical units; what a count is about is read off its words.

    Returns:
        ``(Level.NONE, None)`` for a reading within limits or without any.

    Source: thresholds of ``data/clinical/readings.yml``; never an assessment of the message: the
    words around the reading (past, asked, denied) are judged elsewhere.
    """
    line = matching(reading)
    return (line.level, line.symptom) if line is not None else (Level.NONE, None)


def sources_of(reading: Reading) -> tuple[str, ...]:
    """Ids of the leaflets behind the level of a reading (``cs``: common sense); empty for none."""
    line = matching(reading)
    return line.sources if line is not None else ()


def normal(kind: str, value: float, level: Level) -> bool | None:
    """Whether a value is harmless: False where it carries a level, None where nothing is said."""
    if level is not Level.NONE:
        return False
    limits = harmless(kind)
    if limits is not None and limits[0] <= value <= limits[1]:
        return True
    return None
