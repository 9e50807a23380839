"""The clinic's details from ``clinic.yml`` and the words that depend on the country."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

CLINIC_FILE = Path("clinic.yml")
NUMBERS_FILE = Path("data/clinical/numbers.yml")
WORDS_FILE = Path("data/clinical/words.yml")
COUNTRIES = ("us", "uk")
MESSAGING = ("sms", "whatsapp", "telegram", "slack", "messenger")
"""The channels that run over somebody else's platform."""
_KEYS = {"name", "demo", "country", "team_number", "alerts", "origins", "general_information_only", "time_zone"}


class ClinicError(ValueError):
    """``clinic.yml`` is not usable; the message says which line and why."""


@dataclass(frozen=True)
class Clinic:
    """One clinic; ``country`` is empty when the patient is asked.

    Attributes:
        alerts: names of environment variables that hold the alert targets.
        origins: origins of the websites that may show the chat, e.g. ``https://www.example.org``.
        general_information_only: channels that are not fit for health data.
        time_zone: where the clinic's clocks are, e.g. ``Europe/London``.
    """

    name: str
    demo: bool
    country: str
    team_number: str
    alerts: tuple[str, ...]
    origins: tuple[str, ...] = ()
    general_information_only: tuple[str, ...] = MESSAGING
    time_zone: str = "UTC"

    @property
    def somebody_is_told(self) -> bool:
        """Whether escalations are sent to anybody."""
        return bool(self.alerts)


def load(file: Path = CLINIC_FILE) -> Clinic:
    """Read and check the clinic's file.

    Raises:
        ClinicError: for a missing file, a broken one, an unknown key or value, or a demo in production.
    """
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClinicError(f"{file} is missing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClinicError(f"{file} is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ClinicError(f"{file} must hold keys and values.")
    unknown = set(raw) - _KEYS
    if unknown:
        raise ClinicError(f"{file}: unknown key {min(unknown)!r}; known are {', '.join(sorted(_KEYS))}.")
    country = str(raw.get("country", "ask")).lower()
    if country not in (*COUNTRIES, "ask"):
        raise ClinicError(f"{file}: country is {country!r}; write us, uk or ask.")
    number = raw.get("team_number") or ""
    if not isinstance(number, str):
        raise ClinicError(f'{file}: put team_number in quotes, for example "+1 555 0100".')
    number = number.strip()
    if number and not re.fullmatch(r"[+(0-9][0-9 ()./-]{2,24}", number):
        raise ClinicError(f"{file}: team_number {number!r} is no phone number.")
    alerts = _list(file, raw, "alerts", "names of environment variables")
    origins = _list(file, raw, "origins", 'websites such as "https://www.example.org"')
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise ClinicError(f'{file}: {origin!r} is no website; write it like "https://www.example.org".')
    general: tuple[str, ...] = MESSAGING
    if "general_information_only" in raw:
        general = _list(file, raw, "general_information_only", f"channels: {', '.join(MESSAGING)}")
    for channel in general:
        if channel not in MESSAGING:
            raise ClinicError(f"{file}: there is no channel {channel!r}; known are {', '.join(MESSAGING)}.")
    zone = str(raw.get("time_zone") or "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ClinicError(f'{file}: there is no time zone {zone!r}; write it like "Europe/London".') from None
    clinic = Clinic(
        name=str(raw.get("name") or ""),
        demo=bool(raw.get("demo", False)),
        country="" if country == "ask" else country,
        team_number=number,
        alerts=alerts,
        origins=origins,
        general_information_only=general,
        time_zone=zone,
    )
    if os.environ.get("IL2_PRODUCTION") == "1" and (clinic.demo or not clinic.team_number):
        raise ClinicError(f"{file}: production needs the clinic's own team_number, and `demo: false`.")
    return clinic


def _list(file: Path, raw: Mapping[str, Any], key: str, of: str) -> tuple[str, ...]:
    value = raw.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ClinicError(f"{file}: {key} must be a list of {of}.")
    return tuple(value)


@functools.cache
def current() -> Clinic:
    """The clinic of this process, read once."""
    return load()


@functools.cache
def _yaml(file: Path) -> Mapping[str, Any]:
    data: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return data


def details(clinic: Clinic, country: str = "") -> dict[str, str]:
    """Values of the placeholders in answers, for a country ("" for unknown)."""
    country = country or clinic.country
    numbers = _yaml(NUMBERS_FILE)[country if country in COUNTRIES else "unknown"]
    team = "your team's 24-hour number"
    return {**numbers, "team_number": f"{team}, {clinic.team_number}," if clinic.team_number else team}


Lines = list[dict[str, str]]
"""Phone lines to show as buttons: each a ``label`` and a ``tel:`` address."""


def team_line(clinic: Clinic) -> dict[str, str | None]:
    """The team's line, its number in the label too; ``tel`` is None while the clinic has named no number."""
    digits = re.sub(r"[^+\d]", "", clinic.team_number)
    label = str(_yaml(NUMBERS_FILE)["dial"]["team"])
    if not digits:
        return {"label": label, "tel": None}
    return {"label": f"{label}: {clinic.team_number.strip()}", "tel": f"tel:{digits}"}


def public_lines(clinic: Clinic, country: str = "", kind: str = "emergency") -> Lines:
    """The public lines of a country ("" for unknown): ``emergency``, ``crisis`` or ``fallback``."""
    country = country or clinic.country
    numbers = _yaml(NUMBERS_FILE)["dial"][country if country in COUNTRIES else "unknown"][kind]
    return [{"label": label, "tel": f"tel:{digits}"} for label, digits in numbers.items()]


def lines_to_call(clinic: Clinic, level: str, country: str = "", setting: str = "", crisis: bool = False) -> Lines:
    """Whom to call about an escalation, first things first; in the hospital the call button comes before any number."""
    line = team_line(clinic)
    team: Lines = [{"label": str(line["label"]), "tel": line["tel"]}] if line["tel"] else []
    public = {kind: public_lines(clinic, country, kind) for kind in ("emergency", "crisis", "fallback")}
    if crisis:
        return [*public["crisis"], *public["emergency"], *team]
    if setting == "hospital" or level == "soon":
        return team
    if level == "emergency":
        return [*public["emergency"], *team]
    return [*team, *public["fallback"], *public["emergency"]]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in place of ``{placeholders}``; anything else in braces stays as it is."""
    filled = re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text)
    return re.sub(r",([.,;:!?])", r"\1", filled)


def spell(text: str, country: str) -> str:
    """Swap American for the country's words, whole words only, keeping a capital first letter."""
    words = _yaml(WORDS_FILE).get(country)
    if not words:
        return text

    def swap(match: re.Match[str]) -> str:
        word = str(words[match[0].lower()])
        return word[0].upper() + word[1:] if match[0][0].isupper() else word

    return _pattern(country).sub(swap, text)


@functools.cache
def _pattern(country: str) -> re.Pattern[str]:
    longest_first = sorted(_yaml(WORDS_FILE)[country], key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)
