"""The limits of the widget's gate. Times are printed by the gate and not asserted: machines differ."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.browser import measures
from tests.browser.measures import Make


def test_the_widget_weighs_at_most_10_kb_and_its_hash_is_right() -> None:
    assert measures.gzip_size() <= 10_240
    digest = base64.b64encode(hashlib.sha384(measures.WIDGET.read_bytes()).digest()).decode()
    assert measures.facts()["integrity"] == f"sha384-{digest}"


def test_nothing_is_asked_from_others(context: Make, home: str) -> None:
    assert measures.outside_requests(context, home) == ([], [], 0)


@pytest.mark.parametrize("state", measures.STATES)
def test_axe_finds_nothing(state: str, context: Make, home: str) -> None:
    assert measures.axe_in(context, home, state) == []


def test_a_keyboard_does_everything(context: Make, home: str) -> None:
    assert measures.failed(measures.keyboard(context, home)) == []


def test_each_reply_is_spoken_exactly_once(context: Make, home: str) -> None:
    good, wrong = measures.live_region(context, home, 50)
    assert wrong == []
    assert good == 50


def test_hostile_text_stays_text(context: Make, home: str) -> None:
    assert len(measures.PAYLOADS) >= 40
    assert measures.unsafe(context, home) == []


def test_every_character_arrives(context: Make, home: str) -> None:
    assert measures.changed_texts(context, home, 1000) == []


def test_a_bad_line_loses_and_doubles_nothing(context: Make, home: str) -> None:
    losses = measures.disconnect(context, home, 200)
    assert (losses.lost, losses.doubled, losses.wrong) == (0, 0, [])


@pytest.mark.parametrize("path", ["", "accessibility"])
def test_axe_finds_nothing_on_a_phone(path: str, context: Make, home: str) -> None:
    options: dict[str, object] = {"viewport": {"width": 320, "height": 640}}
    assert measures.axe_in(context, home + path, "closed", **options) == []
