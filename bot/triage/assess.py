"""The one question of this package: what must happen after this message?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from bot.triage import combine
from bot.triage import context as conversation
from bot.triage.assertion import Scene
from bot.triage.frame import frame
from bot.triage.model import Assertion, Assessment, Context, Finding, Level, Reading
from bot.triage.readings import bare_reading, find_readings, level_of
from bot.triage.rules import Rules, load
from bot.triage.symptoms import Message, Reader

FEVER = "fever"
MAX_READINGS = 20
_TEMPERATURE = re.compile(r"(?<![\d.,:/])(?:3[5-9]|4[0-2])[.,]\d(?![\d.,:/%])")


class Triage:
    """Assesses messages with one set of rules. Holds no conversation."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # One message is read several times: for its findings, its frame, and with the next ones.
        self._read = lru_cache(maxsize=16)(Reader(rules).read)

    def assess(self, text: str, context: Context | None = None) -> Assessment:
        """The assessment of one message in its conversation; never raises for any string."""
        context = context or Context()
        rules = self._rules
        message = self._read(text)
        scene = Scene(message, rules, reporting=context.last_level > Level.NONE or context.bot_asked is not None)
        findings, judged = combine.from_wordings(message, scene, rules)
        readings = conversation.without_corrected(self._readings(message), message, scene)
        if not readings:
            readings = self._bare(message, context)
        measured, normal = self._measured(readings, message, scene)
        findings += measured
        findings += conversation.carried_over(message, scene, context, rules, findings, self._earlier)
        signs = frozenset(
            hit.label.name for hit, verdict in judged if hit.label.kind == "sign" and verdict.assertion is Assertion.NOW
        )
        before = conversation.reported_before(context, findings, self._earlier)
        findings += combine.pictures(findings, signs, rules, message.normalised.text, before)
        findings = combine.merge(findings)
        level = combine.overall(findings, before)
        crisis = context.crisis_open or any(f.level and rules.rows[f.row].crisis for f in findings)
        stranger = max((hit.label.level for hit, v in judged if v.bystander), default=Level.NONE)
        bystander = not level and stranger is Level.EMERGENCY
        return Assessment(
            level=stranger if bystander else level,
            findings=tuple(findings),
            crisis=crisis,
            setting=self._setting(message, scene, ill=level > Level.NONE),
            bystander=bystander,
            normal_reading=normal if not level else None,
            ask=self._ask(findings, judged, signs, level, crisis),
        )

    def frame(self, text: str) -> str:
        """The words around the symptoms of a text (:mod:`bot.triage.frame`)."""
        return frame(self._read(text))

    def _readings(self, message: Message) -> list[Reading]:
        """The readings, with spans in the original text."""
        out = []
        for found in find_readings(message.normalised.clean)[:MAX_READINGS]:
            span = message.normalised.span(*found.span)
            text = message.normalised.text[slice(*span)]
            out.append(replace(found, span=span, text=text))
        return out

    def _bare(self, message: Message, context: Context) -> list[Reading]:
        """An answer that is only a number, as the reading the conversation is about."""
        for kind in conversation.kinds_talked_about(context, self._rules):
            found = bare_reading(message.normalised.text, kind)
            if found is not None:
                return [found]
        return self._unnamed_temperature(message)

    def _unnamed_temperature(self, message: Message) -> list[Reading]:
        """A lone "37.6" in a message that speaks of a fever or a thermometer."""
        text = message.normalised.text
        numbers = list(_TEMPERATURE.finditer(text))
        talk = {word for word in self._rules.families.get("temperature_talk", ()) if word.isalpha()}
        if len(numbers) != 1 or not any(token.word in talk for token in message.tokens):
            return []
        begin, end = numbers[0].span()
        found = bare_reading(numbers[0][0], "temperature")
        return [] if found is None else [replace(found, span=(begin, end), text=text[begin:end])]

    def _measured(
        self,
        readings: Sequence[Reading],
        message: Message,
        scene: Scene,
    ) -> tuple[list[Finding], Reading | None]:
        findings: list[Finding] = []
        normal: Reading | None = None
        for reading in readings:
            hit = combine.reading_hit(reading, message)
            if hit is None:
                continue
            level, symptom = level_of(reading)
            verdict = scene.judge(hit, level)
            if symptom is not None:
                findings.append(
                    combine.reading_finding(reading, level, symptom, verdict, self._rules, message.normalised.text)
                )
            elif reading.normal and normal is None and verdict.assertion is Assertion.NOW:
                normal = reading
        return findings, normal

    def _earlier(self, text: str, taken_up: bool) -> Sequence[Finding]:
        """What an earlier message reported or, if taken up, asked about."""
        message = self._read(text)
        scene = Scene(message, self._rules, taken_up=taken_up)
        findings, _ = combine.from_wordings(message, scene, self._rules)
        measured, _ = self._measured(self._readings(message), message, scene)
        return combine.merge(findings + measured)

    @staticmethod
    def _setting(message: Message, scene: Scene, *, ill: bool) -> str | None:
        heard = [
            (hit.end, hit.label.name)
            for name in ("hospital", "home")
            for hit in message.of("cue", name)
            if scene.is_here(hit, ill=ill)
        ]
        return max(heard)[1] if heard else None

    @staticmethod
    def _ask(
        findings: Sequence[Finding],
        judged: Sequence[tuple[object, object]],
        signs: frozenset[str],
        level: Level,
        crisis: bool,
    ) -> str | None:
        if "hopeless" in signs and not crisis:
            return "suicide"
        if level is Level.NONE and any(f.assertion in (Assertion.ASKED, Assertion.HYPOTHETICAL) for f in findings):
            return "happening_now"
        if any(f.symptom == FEVER and f.level and f.reading is None for f in findings) and not any(
            f.reading is not None for f in findings
        ):
            return "temperature"
        return None


@lru_cache(maxsize=1)
def _default() -> Triage:
    return Triage(load())


def assess(text: str, context: Context | None = None) -> Assessment:
    """Assess one patient message.

    Args:
        text: the message as typed; any string.
        context: what the conversation already holds.

    Returns:
        Level, findings with spans in ``text``, setting heard, question worth asking.

    Raises:
        RulesError: only if the data files cannot be used.
    """
    return _default().assess(text, context)


def frame_of(text: str) -> str:
    """The words of any text with its symptoms masked, as the frame detector reads them."""
    return _default().frame(text)
