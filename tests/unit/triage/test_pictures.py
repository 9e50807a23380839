"""Signs that mean more together than each alone (rule a and the pictures of the red-flag table)."""

from __future__ import annotations

import pytest

from bot.triage import Level, assess

URGENT_ALONE = (
    "my heart is racing",
    "I am short of breath walking",
    "my calf is swollen and hot",
    "I have a fever of 38.5",
)


@pytest.mark.parametrize("text", URGENT_ALONE)
def test_each_alone_is_urgent(text: str) -> None:
    assert assess(text).level is Level.URGENT


@pytest.mark.parametrize(
    "text",
    [
        "my heart is racing and I have chest pain",
        "my heart is racing and I nearly fainted",
        "my calf is swollen and hot and I am short of breath",
        "I have a fever of 38.5 and I am confused",
        "shaking chills and my skin is mottled",
        "fever and my neck is stiff with a bad headache",
        "my blood pressure is 88 over 50 and I nearly passed out",
        "a rash after the scan dye and now I am wheezing",
    ],
)
def test_together_they_are_an_emergency(text: str) -> None:
    assert assess(text).level is Level.EMERGENCY


def test_a_denied_part_completes_no_picture() -> None:
    assert assess("my heart is racing but I have no chest pain").level is Level.URGENT
