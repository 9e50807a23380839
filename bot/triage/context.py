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
READING_OF = {
    "temperature": {"fever", "low_temperature", "chills"},
    "oxygen": {"low_oxygen"},
    "sugar": {"high_sugar", "low_sugar"},
    "pulse": {"heartbeat"},
    "systolic": {"low_blood_pressure"},
}
"""Kinds of reading a bare number may be, and the symptoms that speak of them."""


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


def kinds_talked_about(context: Context, rules: Rules) -> list[str]:
    """The kinds of reading a bare number may be: what the bot asked for, else what was spoken of."""
    kinds = [kind for kind in READING_OF if kind == context.bot_asked]
    for kind, symptoms in READING_OF.items():
        talk = rules.families.get(f"{kind}_talk", frozenset())
        words = f" {' '.join(context.previous[-3:]).casefold()} "
        if symptoms & set(context.open_symptoms) or any(f" {word}" in words for word in talk):
            kinds.append(kind)
    return list(dict.fromkeys(kinds))


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
    out = _crisis(context, rules, read)
    short = sum(token.word.isalpha() for token in message.tokens) <= _SHORT_ANSWER
    yes = scene.has("yes") and not scene.has("answer_no_alone")
    if yes and context.bot_asked is not None and context.bot_asked in rules.by_symptom:
        symptom = context.bot_asked
        out.append(_bare(rules, symptom, rules.by_symptom[symptom].level))
    takes_up = scene.has("have_that") or (yes and short and context.bot_asked == "happening_now")
    if takes_up and not present:
        out.extend(open_findings(context, rules, read))
    elif short and not present and scene.has("goes_on"):
        out.extend(_joined(message, context, read))
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


def _crisis(context: Context, rules: Rules, read: FindingsOf) -> list[Finding]:
    """Thoughts of suicide are not withdrawn by a change of subject: they stay for one more answer."""
    if not (context.crisis_open and context.previous):
        return []
    return [f for f in read(context.previous[-1], False) if f.level and rules.rows[f.row].crisis]


def _joined(message: Message, context: Context, read: FindingsOf) -> list[Finding]:
    """What the message and the one before it say only together: "I was sick" - "and again at four"."""
    if not context.previous:
        return []
    last = context.previous[-1]
    together = [f for f in read(f"{last} , {message.normalised.text}", False) if f.level]
    alone = max((f.level for f in read(last, False)), default=Level.NONE)
    return [f for f in together if f.level > alone]


def reported_before(context: Context, own: Sequence[Finding], read: FindingsOf) -> list[Finding]:
    """What the last messages reported, where this one reports something as well."""
    if not any(finding.level for finding in own):
        return []
    return [f for text in context.previous[-3:] for f in read(text, False) if f.level]


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
