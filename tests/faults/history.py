"""What the simulated patients did and saw, and what the stores hold afterwards."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Line:
    """Something a patient says: its words, and what marks the right reply.

    ``answer`` is the id of the leaflet answer, ``day`` a date that this patient has told, ``flag`` a red flag.
    """

    text: str
    answer: str = ""
    day: str = ""
    flag: bool = False


@dataclass
class Sent:
    """One message of one patient. Times are seconds since it was first sent."""

    patient: str
    seq: int
    id: str
    line: Line
    phase: str
    at: float = field(default_factory=time.monotonic)
    attempts: int = 0
    seen: float | None = None
    """The first words of the server, also those of an error that says whom to call."""
    acknowledged: float | None = None
    replies: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    hurry: bool = True
    """Whether the deadlines hold for it: no, when the patient himself hung up."""

    @property
    def text(self) -> str:
        return "\n".join(str(reply.get("text") or "") for reply in self.replies)

    @property
    def everything(self) -> str:
        """The replies with all their parts."""
        return json.dumps(self.replies)

    @property
    def escalated(self) -> bool:
        return any(_part(reply, "escalation") for reply in self.replies)

    @property
    def answers(self) -> list[str]:
        return [part["id"] for reply in self.replies if (part := _part(reply, "answer"))]

    @property
    def excused(self) -> bool:
        """Whether the reply says honestly that something failed."""
        return any(_part(reply, "referral").get("reason") == "technical" for reply in self.replies)

    def __str__(self) -> str:
        return f"{self.patient}#{self.seq}"


def _part(reply: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of a reply's metadata: beside the text on the website's channel, under ``custom`` on REST."""
    found: dict[str, Any] = reply.get(name) or (reply.get("custom") or {}).get(name) or {}
    return found


@dataclass
class Stored:
    """What the stores hold after healing.

    Attributes:
        journal: (conversation, sequence number, entry) of the channels' journal.
        unfinished: (conversation, event) taken and never answered.
        tracker: (sender, message id, text) of the patients' messages in Rasa's tracker store, in their order.
        outbox: (conversation hash, message id, state) of the escalations.
        alerts: (conversation hash, time) of each alert that has arrived at the team.
    """

    journal: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    tracker: list[tuple[str, str, str]] = field(default_factory=list)
    outbox: list[tuple[str, str, str]] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
