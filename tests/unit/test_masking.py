"""What tells who a patient is goes; what triage and the answers need stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.masking import mask
from bot.triage import assess
from tests.privacy.masking import measure, questions

SETS = Path("tests/privacy")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("my name is John Smith, my temp is 38.9", "my name is [name], my temp is 38.9"),
        ("DOB 01/02/1950, last dose 3 October 2026", "DOB [date of birth], last dose 3 October 2026"),
        ("call me on 07700 900123", "call me on [phone number]"),
        ("mail a.b@example.org please", "mail [e-mail] please"),
        ("my NHS number is 943 476 5919", "my NHS number is [id number]"),
        ("SSN 078-05-1120", "SSN [id number]"),
        ("I live at 12 Oak Street, Leeds LS1 4AB", "I live at [address]"),
        ("on 3 October I had my last dose", "on 3 October I had my last dose"),
        ("should i call 911, 999 or 1-800-222-1222", "should i call 911, 999 or 1-800-222-1222"),
    ],
)
def test_details_get_a_label_and_the_rest_stays(typed: str, stored: str) -> None:
    assert mask(typed) == stored


def test_most_details_are_found_and_little_else() -> None:
    figures = measure(SETS / "masking_heldout.yml")
    assert figures.recall >= 0.9, figures.misses
    assert figures.precision >= 0.95, figures.misses


def test_questions_and_reports_are_left_alone_and_mean_the_same_to_triage() -> None:
    texts = questions()
    changed = [text for text in texts if mask(text) != text]
    assert len(texts) > 1000
    assert len(changed) <= len(texts) / 500, changed
    for text in changed:
        assert assess(mask(text)).level is assess(text).level, text


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_masked_and_masking_again_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)
