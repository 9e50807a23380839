"""What the rest of a hospital may hear of a conversation: that something was asked and answered, never a word of it."""

from __future__ import annotations

from typing import Any

Letter = dict[str, Any]


def letters(event: dict[str, Any]) -> Letter | None:
    """What goes out for an event of the tracker; None for one that nobody else needs.

    Only names that the companion's own files define and numbers are taken over, one by one: no text, no slot's value,
    no metadata that a caller has sent.
    """
    kind, told = event.get("event"), {"event": event.get("event"), "at": event.get("timestamp")}
    if kind == "session_started":
        return told
    if kind == "user":
        parsed = event.get("parse_data") or {}
        intent = parsed.get("intent") or {}
        told |= {"intent": intent.get("name"), "confidence": intent.get("confidence")}
        return told | {"level": (parsed.get("assessment") or {}).get("level"), "channel": event.get("input_channel")}
    if kind == "bot":
        custom = (event.get("data") or {}).get("custom") or {}
        told |= {"response": (event.get("metadata") or {}).get("utter_action")}
        for part, name in (("answer", "id"), ("escalation", "level"), ("referral", "reason")):
            if part in custom:
                told[part] = custom[part].get(name)
        return told
    return None
