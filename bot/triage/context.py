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
UNNAMED = "worse_or_not_better"
"""The row for what the list does not name."""
READING_OF = {
    "temperature": {"fever", "low_temperature", "chills"},
    "oxygen": {"low_oxygen"},
    "sugar": {"high_sugar", "low_sugar"},
    "pulse": {"heartbeat"},
    "systolic": {"low_blood_pressure"},
}
"""Kinds of reading a bare number may be, and the symptoms that speak of them."""


def open_findings(context: Context, rules: Rules, read: FindingsOf) -> list[Finding]:
    """What the conversation is about: the last symptoms, with their readings, as present.

    What an earlier message denied is not among them.
    """
    out: list[Finding] = []
    known: set[str] = set()
    for text in reversed(context.previous[-3:]):
        said = read(text, True)
        if not out:
            out = [finding for finding in said if finding.level]
        known |= {finding.symptom for finding in said if finding.level or finding.assertion is Assertion.DENIED}
        if out:
            break
    return out + [finding for finding in _named(context, rules) if finding.symptom not in known]


def _named(context: Context, rules: Rules) -> list[Finding]:
    """The open symptoms at the level of their rows."""
    rows = [row for symptom in context.open_symptoms if (row := rules.by_symptom.get(symptom)) is not None]
    return [_bare(rules, row.symptom, row.level) for row in rows if row.level]


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
    called = scene.has("has_called")
    affirmed = yes and short and context.bot_asked == "happening_now" and not called
    if (affirmed or scene.takes_up()) and not present:
        out.extend(open_findings(context, rules, read) or (_named(context, rules) if affirmed else ()))
    elif short and not present and not called and scene.has("goes_on") and not denied_only(own):
        out.extend(_joined(message, context, read))
    if scene.has("refusal") and context.last_level and not called:
        out.extend(open_findings(context, rules, read) or [_bare(rules, UNNAMED, context.last_level)])
        if max(f.level for f in out) < context.last_level:
            first = out[0]
            out[0] = Finding(
                first.symptom, first.row, context.last_level, Assertion.NOW, first.reading,
                first.span, first.evidence, first.leaflets,
            )  # fmt: skip
    return [Finding(f.symptom, f.row, f.level, Assertion.NOW, f.reading, (0, 0), "", f.leaflets) for f in out]


def denied_only(own: Sequence[Finding]) -> bool:
    """Whether a message only says what is not there."""
    return bool(own) and all(finding.assertion is Assertion.DENIED for finding in own)


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
