"""The safety text without Rasa: used when a turn fails or takes too long, so that it needs no model, store or action.

Reads the same responses of ``domain.yml`` as the dialogue does and the same ``bot.triage``.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from bot import clinic as clinics
from bot.triage import Level, assess

DOMAIN_FILE = Path("domain.yml")
Reply = dict[str, Any]


@functools.cache
def _responses() -> dict[str, list[dict[str, Any]]]:
    responses: dict[str, list[dict[str, Any]]] = yaml.safe_load(DOMAIN_FILE.read_text(encoding="utf-8"))["responses"]
    return responses


@functools.cache
def _clinic() -> clinics.Clinic:
    return clinics.load()


def texts() -> dict[str, str]:
    """The texts of the shared responses by name, in their form for a patient of whom nothing is known."""
    plain = {name: [v for v in variants if not v.get("condition")] for name, variants in _responses().items()}
    return {name: str(variants[0].get("text", "")) for name, variants in plain.items() if variants}


def static(response: str, setting: str = "") -> list[Reply]:
    """A shared response in the stock shape of replies, in its form for a setting, or for one that is not known."""
    wanted = [{"type": "slot", "name": "setting", "value": setting}]
    variants = _responses()[response]
    fit = [v for v in variants if v.get("condition") == wanted] or [v for v in variants if not v.get("condition")]
    variant = fit[0]
    replies: list[Reply] = [{"text": clinics.fill(variant["text"].strip(), clinics.details(_clinic()))}]
    referral = (variant.get("metadata") or {}).get("referral")
    if referral:
        replies.append({"custom": {"referral": {"reason": referral}}})
    return replies


def heard(text: str) -> str:
    """The setting that a message tells by itself: ``home``, ``hospital`` or ""."""
    return assess(text).setting or ""


def screen(text: str, setting: str = "") -> list[Reply]:
    """What a patient must read about a message even if nothing else works: empty when it holds no red flag.

    The ``setting`` is what the conversation has told before; what the message itself tells comes first.
    """
    assessment = assess(text)
    if assessment.bystander:
        return static("utter_contact_bystander")
    if assessment.level is Level.NONE:
        return []
    name = "crisis" if assessment.crisis else assessment.level.label
    known = assessment.setting or setting
    escalation = {
        "level": assessment.level.label,
        "symptoms": list(assessment.symptoms),
        "setting": known or "home",
    }
    return [*static(f"utter_contact_{name}", known), {"custom": {"escalation": escalation}}]


def fallback(text: str, setting: str = "") -> list[Reply]:
    """The reply to a message whose turn gave none: the red-flag text if it holds one, and the honest apology."""
    return [*screen(text, setting), *static("utter_technical")]
