"""The clinic's details from ``clinic.yml`` and the words that depend on the country."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CLINIC_FILE = Path("clinic.yml")
NUMBERS_FILE = Path("data/clinical/numbers.yml")
WORDS_FILE = Path("data/clinical/words.yml")
COUNTRIES = ("us", "uk")
_KEYS = {"name", "demo", "country", "team_number", "alerts"}


class ClinicError(ValueError):
    """``clinic.yml`` is not usable; the message says which line and why."""


@dataclass(frozen=True)
class Clinic:
    """One clinic; ``country`` is empty when the patient is asked."""

    name: str
    demo: bool
    country: str
    team_number: str
    alerts: tuple[str, ...]

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
    alerts = raw.get("alerts") or []
    if not isinstance(alerts, list) or not all(isinstance(name, str) for name in alerts):
        raise ClinicError(f"{file}: alerts must be a list of names of environment variables.")
    clinic = Clinic(
        name=str(raw.get("name") or ""),
        demo=bool(raw.get("demo", False)),
        country="" if country == "ask" else country,
        team_number=number,
        alerts=tuple(alerts),
    )
    if os.environ.get("IL2_PRODUCTION") == "1" and (clinic.demo or not clinic.team_number):
        raise ClinicError(f"{file}: production needs the clinic's own team_number, and `demo: false`.")
    return clinic


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
