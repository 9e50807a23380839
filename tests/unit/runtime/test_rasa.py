"""The command that starts Rasa: story tests read their sentences."""

from __future__ import annotations

import pytest

from bot.runtime.rasa import arguments


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (["test", "core", "--stories", "tests"], ["test", "core", "--stories", "tests", "--e2e"]),
        (["test", "core", "--e2e"], ["test", "core", "--e2e"]),
        (["test", "core", "--end-to-end"], ["test", "core", "--end-to-end"]),
        (["test", "nlu"], ["test", "nlu"]),
        (["train"], ["train"]),
        ([], []),
    ],
)
def test_story_tests_read_their_sentences(given: list[str], passed: list[str]) -> None:
    assert arguments(given) == passed
