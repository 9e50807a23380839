"""The words that have a conversation deleted, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bot import deletion, safety

WORDS: dict[str, list[str]] = yaml.load(deletion.WORDS_FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


@pytest.mark.parametrize("text", ["Yes, delete it", "yes delete it", "YES DELETE IT!!", " yes. ", "Yes,  delete\nit"])
def test_a_plain_yes_confirms(text: str) -> None:
    assert deletion.confirms(text)
    assert not deletion.declines(text)


@pytest.mark.parametrize("text", ["No, keep it", "no", "NO!", "don't delete it", "Never mind."])
def test_a_plain_no_declines(text: str) -> None:
    assert deletion.declines(text)
    assert not deletion.confirms(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "ok",
        "yes delete it, my chest hurts",
        "yes, and how long is one infusion?",
        "yes i have a fever",
        "delete my data",
        "do not",
        "yes no",
        "is it deleted",
        "delete",
    ],
)
def test_anything_more_or_less_does_neither(text: str) -> None:
    assert not deletion.confirms(text)
    assert not deletion.declines(text)


def test_no_words_mean_both() -> None:
    assert not {line for line in WORDS["confirm"] if deletion.declines(line)}
    assert all(deletion.confirms(line) for line in WORDS["confirm"])
    assert all(deletion.declines(line) for line in WORDS["keep"])


def test_no_word_of_either_list_is_a_red_flag() -> None:
    assert [line for lines in WORDS.values() for line in lines if safety.screen(line)] == []


def test_the_first_of_each_list_is_the_button_that_the_offer_shows_and_names() -> None:
    offer: dict[str, Any] = safety._responses()["utter_delete_my_data"][0]
    assert [button["title"] for button in offer["buttons"]] == [WORDS["confirm"][0], WORDS["keep"][0]]
    assert all(f'"{button["title"].lower()}"' in offer["text"] for button in offer["buttons"])
    assert offer["metadata"]["awaits"] == deletion.AWAITED


def test_only_the_entry_of_the_metadata_says_that_it_is_done() -> None:
    assert deletion.done([None, {"answer": {}}, {"deletion": "done"}])
    assert not deletion.done([None, {}, {"deletion": "failed"}, {"answer": "deletion"}])
