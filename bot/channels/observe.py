"""What is told of a turn to those who run the companion: one log line and figures, without a word of it."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from bot import logs, metrics
from bot.escalations import conversation_hash
from bot.safety import Reply

logger = logging.getLogger(__name__)

ANSWERED, SCREENED, SAFE_REPLY, EMPTY = "answered", "screened", "safe_reply", "empty"
"""How a turn ends: by the dialogue, by the safety text alone, by the apology, or with no message to answer."""


@dataclass
class Turn:
    """A turn as it is told."""

    outcome: str = ANSWERED
    replies: Sequence[Reply] = field(default_factory=tuple)


@contextlib.contextmanager
def turn(channel: str, sender: str) -> Iterator[Turn]:
    """Watch a turn; whatever is logged meanwhile carries its id and the hash of its conversation."""
    logs.a_patient_is_heard()
    seen, began = Turn(), time.monotonic()
    metrics.MESSAGES.labels(channel).inc()
    with (
        structlog.contextvars.bound_contextvars(request=uuid.uuid4().hex[:16], conversation=conversation_hash(sender)),
        metrics.RUNNING.track_inprogress(),
    ):
        yield seen
        _tell(channel, seen, time.monotonic() - began)


def _tell(channel: str, seen: Turn, seconds: float) -> None:
    told = [reply.get("custom") or {} for reply in seen.replies]
    answers = [custom["answer"] for custom in told if "answer" in custom]
    reasons = [custom["referral"]["reason"] for custom in told if "referral" in custom]
    levels = [custom["escalation"]["level"] for custom in told if "escalation" in custom]
    metrics.SECONDS.labels(channel).observe(seconds)
    metrics.OUTCOMES.labels(channel, seen.outcome).inc()
    for answer in answers:
        metrics.ANSWERS.labels(answer["topic"]).inc()
    for reason in reasons:
        metrics.DECLINES.labels(reason).inc()
    for level in levels:
        metrics.ESCALATIONS.labels(level).inc()
    line = {
        "channel": channel,
        "outcome": seen.outcome,
        "level": levels[0] if levels else "none",
        "answers": [answer["id"] for answer in answers],
        "declined": reasons,
        "milliseconds": round(seconds * 1000),
    }
    logger.info("turn", extra={logs.TURN: line})
