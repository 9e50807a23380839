"""Records a red flag for the care team, without a word of the patient's."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.base import Events, SafeAction
from bot.escalations import Escalation, Outbox, conversation_hash


class ActionEscalate(SafeAction):
    """Put the escalation of the latest message into the outbox.

    The patient has read the advice before this runs, and nothing here changes it.
    """

    action_name = "action_escalate"

    def __init__(self, outbox: Outbox | None = None) -> None:
        """Use the given outbox, or the default one when the first escalation comes."""
        self._outbox = outbox

    def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Record once per message; says nothing and returns no event."""
        message = tracker.latest_message or {}
        assessment = message.get("assessment") or {}
        if assessment.get("level", "none") == "none":
            return []
        self._outbox = self._outbox or Outbox()
        self._outbox.record(
            Escalation(
                message_id=str(message.get("message_id") or ""),
                conversation=conversation_hash(tracker.sender_id),
                level=assessment["level"],
                symptoms=tuple(dict.fromkeys(f["symptom"] for f in assessment["findings"] if f["level"] != "none")),
                channel=tracker.get_latest_input_channel() or "",
                setting=str(tracker.get_slot("setting") or ""),
            )
        )
        return []
