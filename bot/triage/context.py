"""Reads a message with those before it (rule i): "that's what I've got", "yes", a bare "38.9".

Nothing here lowers a level: earlier messages only add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.triage.assertion import Scene
from bot.triage.model import Assertion, Context, Finding, Level, Reading
from bot.triage.rules import Rules
from bot.triage.symptoms import Message

FindingsOf = Callable[[str, bool], Sequence[Finding]]
"""Reads an earlier message; with True, what it only asked about counts as present."""

_SHORT_ANSWER = 8


def open_findings(context: Context, rules: Rules, read: FindingsOf) -> list[Finding]:
    """What the conversation is about: the last symptoms, with their readings, as present."""
    out: list[Finding] = []
    for text in reversed(context.previous[-3:]):
        found = [f for f in read(text, True) if f.level]
        if found:
            out = list(found)
            break
    known = {finding.symptom for finding in out}
    for symptom in context.open_symptoms:
        row = rules.by_symptom.get(symptom)
        if row is not None and symptom not in known and row.level:
            out.append(_bare(rules, symptom, row.level))
    return out


def _bare(rules: Rules, symptom: str, level: Level) -> Finding:
    row = rules.by_symptom[symptom]
    return Finding(symptom, row.row, level, Assertion.NOW, None, (0, 0), "", row.leaflets)


def speaks_of_temperature(context: Context, rules: Rules) -> bool:
    """Whether the conversation is about a temperature, so that a bare number is one."""
    if context.bot_asked == "temperature":
        return True
    words = rules.families.get("temperature_talk", frozenset())
    return any(word in text.casefold() for text in context.previous[-3:] for word in sorted(words))


def bare_number(message: Message) -> str | None:
    """The number, where the message is a number and hardly anything else."""
    words = [token.word for token in message.tokens]
    numbers = [word for word in words if word[0].isdigit()]
    others = [word for word in words if word.isalpha()]
    if len(numbers) == 1 and len(others) <= 4:
        return numbers[0]
    return None


def carried_over(
    message: Message,
    scene: Scene,
    context: Context,
    rules: Rules,
    own: Sequence[Finding],
    read: FindingsOf,
) -> list[Finding]:
    """Findings that this message takes over from the conversation."""
    present = [finding for finding in own if finding.level]
    short = sum(token.word.isalpha() for token in message.tokens) <= _SHORT_ANSWER
    out: list[Finding] = []
    yes = scene.has("yes") and not scene.has("answer_no_alone")
    if yes and context.bot_asked is not None and context.bot_asked in rules.by_symptom:
        symptom = context.bot_asked
        out.append(_bare(rules, symptom, rules.by_symptom[symptom].level))
    takes_up = scene.has("have_that") or (yes and short and context.bot_asked == "happening_now")
    if takes_up and not present:
        out.extend(open_findings(context, rules, read))
    if scene.has("refusal") and context.last_level and not scene.has("has_called"):
        for finding in open_findings(context, rules, read):
            out.append(finding)
        if out and max(f.level for f in out) < context.last_level:
            first = out[0]
            out[0] = Finding(
                first.symptom, first.row, context.last_level, Assertion.NOW, first.reading,
                first.span, first.evidence, first.leaflets,
            )  # fmt: skip
    return [Finding(f.symptom, f.row, f.level, Assertion.NOW, f.reading, (0, 0), "", f.leaflets) for f in out]


def without_corrected(readings: Sequence[Reading], message: Message, scene: Scene) -> list[Reading]:
    """Drop the reading a correction takes back: "36.8, not 38.6" keeps 36.8."""
    if not scene.has("correction") or len(readings) < 2:
        return list(readings)
    kept = []
    for reading in readings:
        index = message.word_at(reading.span[0])
        before = [token.word for token in message.tokens[max(0, index - 3) : index]]
        if "not" not in before and "instead" not in before:
            kept.append(reading)
    return kept or list(readings)
