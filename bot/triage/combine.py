"""From single findings to one level: readings, pictures, rule (a)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.triage.assertion import Scene, Verdict
from bot.triage.model import Assertion, Finding, Level, Reading
from bot.triage.readings import sources_of
from bot.triage.rules import Label, Row, Rules
from bot.triage.symptoms import Hit, Message

HOME_READINGS = 68
"""The row of pulse, pressure, oxygen and sugar."""


def carried(row: Row, level: Level, verdict: Verdict) -> Level:
    """The level a symptom keeps under a verdict (rule f for what has just passed)."""
    if verdict.assertion is Assertion.NOW:
        return level
    if verdict.assertion is Assertion.PAST and verdict.recent:
        single = row.over is not Level.SOON or level is Level.SOON  # "sick once" stays; "the vomiting stopped" is over
        return min(row.over, level) if single else Level.NONE
    return Level.NONE


def from_wordings(message: Message, scene: Scene, rules: Rules) -> tuple[list[Finding], list[tuple[Hit, Verdict]]]:
    """Findings for every wording; and the judged hits (rows and signs) behind them."""
    judged: list[tuple[Hit, Verdict]] = []
    best: dict[tuple[int, Assertion], tuple[Level, int, Finding]] = {}
    for hit in message.hits:
        if hit.label.kind not in ("row", "sign") or _explained(hit, message, rules):
            continue
        verdict = scene.judge(hit, hit.label.level)
        judged.append((hit, verdict))
        if hit.label.kind == "sign":
            continue
        row = rules.rows[hit.label.row]
        level = carried(row, hit.label.level, verdict)
        if level > row.over > Level.NONE and scene.only_on_effort(hit):
            level = row.over
        span = message.span(hit.start, hit.end)
        finding = Finding(
            row.symptom,
            row.row,
            level,
            verdict.assertion,
            None,
            span,
            message.normalised.text[slice(*span)],
            row.leaflets,
        )
        key = (row.row, verdict.assertion)
        rank = (level, span[1] - span[0])
        if key not in best or rank > best[key][:2]:
            best[key] = (*rank, finding)
    return [finding for _, _, finding in best.values()], judged


def _explained(hit: Hit, message: Message, rules: Rules) -> bool:
    """Whether a wording shares words with, or begins inside, one of a row that explains it.

    An emergency is explained by a lesser wording only where that holds every word of it.
    """

    def inside(other: Hit) -> bool:
        if hit.label.level is Level.EMERGENCY > other.label.level:
            return hit.used <= other.used
        return bool(hit.used & other.used) or other.start <= hit.start < other.end

    return any(
        hit.label.row in rules.rows[other.label.row].explains and inside(other)
        for other in message.hits
        if other.label.kind == "row" and hit.label.kind == "row"
    )


def reading_finding(reading: Reading, level: Level, symptom: str, verdict: Verdict, rules: Rules, text: str) -> Finding:
    """The finding for a reading beyond a limit; readings without a row of their own go to row 68."""
    row = rules.by_symptom.get(symptom) or rules.rows[HOME_READINGS]
    return Finding(
        symptom,
        row.row,
        carried(row, level, verdict),
        verdict.assertion,
        reading,
        reading.span,
        text[slice(*reading.span)],
        sources_of(reading),
    )


def reading_hit(reading: Reading, message: Message) -> Hit | None:
    """A reading as a hit, so that its assertion can be judged; None for an empty message."""
    if not message.tokens:
        return None
    start = message.word_at(reading.span[0])
    end = min(len(message.tokens), message.word_at(max(reading.span[1] - 1, 0)) + 1)
    end = max(end, start + 1)
    label = Label("reading", reading.kind)
    return Hit(label, reading.text, start, end, frozenset(range(start, end)))


def pictures(
    findings: Sequence[Finding], signs: frozenset[str], rules: Rules, text: str, before: Sequence[Finding] = ()
) -> list[Finding]:
    """One more finding for every picture whose groups are all present, ``before``: in earlier messages."""
    present = {finding.symptom for finding in (*findings, *before) if finding.level} | signs
    out: list[Finding] = []
    for picture in rules.pictures:
        if not all(group & present for group in picture.needs):
            continue
        row = rules.rows[picture.row]
        causes = [
            finding
            for finding in findings
            if finding.level and any(finding.symptom in group for group in picture.needs)
        ]
        if not causes:
            continue
        start = min(finding.span[0] for finding in causes)
        end = max(finding.span[1] for finding in causes)
        out.append(
            Finding(
                row.symptom,
                row.row,
                picture.level,
                Assertion.NOW,
                None,
                (start, end),
                text[start:end],
                row.leaflets,
            )
        )
    return out


def overall(findings: Sequence[Finding], before: Sequence[Finding] = ()) -> Level:
    """The highest level; two or more different ``soon`` symptoms make ``urgent`` (rule a).

    ``before``: what earlier messages reported; it counts only towards that rule.
    """
    level = max((finding.level for finding in findings), default=Level.NONE)
    if level is not Level.SOON:
        return level
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.span[0] - f.span[1], f.row)):
        if finding.level is Level.SOON and not any(
            other.row == finding.row or (other.span[0] < finding.span[1] and finding.span[0] < other.span[1])
            for other in kept
        ):
            kept.append(finding)
    rows = {finding.row for finding in kept} | {f.row for f in before if f.level is Level.SOON}
    return Level.URGENT if len(rows) > 1 else level


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per symptom, assertion and detector: the one with the highest level."""
    best: dict[tuple[str, Assertion, str, Reading | None], Finding] = {}
    for finding in findings:
        key = (finding.symptom, finding.assertion, finding.detector, finding.reading)
        if key not in best or finding.level > best[key].level:
            best[key] = finding
    return sorted(best.values(), key=lambda f: (-f.level, f.span, f.row))


def lifted(finding: Finding, level: Level) -> Finding:
    """The finding at ``level`` as something happening now."""
    return replace(finding, level=level, assertion=Assertion.NOW)
