"""Whole conversations against the trained bot with the real rules and texts: in this process, or live over REST."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conversations import runner

# What the companion ought to do and does not yet: written first, moved to their folders when they pass.
WANTED = "wanted"
FILES = [
    pytest.param(file, id=f"{file.parent.name}/{file.stem}", marks=[pytest.mark.xfail] * (file.parent.name == WANTED))
    for file in sorted(Path(__file__).parent.glob("*/*.yml"))
]
KINDS = {
    "happy_path",
    "follow_ups",
    "corrections",
    "digressions",
    "negations",
    "interruptions",
    "red_flags",
    "declines",
    "restarts",
    "deletion",
    "hospital_and_home",
    "us_and_uk",
}
ENOUGH = 120


@pytest.mark.model
@pytest.mark.parametrize("file", FILES)
def test_a_conversation_goes_as_written(
    file: Path, loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest
) -> None:
    live = request.config.getoption("--live")
    talk: runner.Talk = runner.Live(live) if live else runner.InProcess(request.getfixturevalue("agent"))
    found = loop.run_until_complete(runner.run(runner.load(file), talk))
    assert not found, "\n".join(found)


def test_there_are_enough_conversations_of_every_kind() -> None:
    folders = [file.parent.name for file in Path(__file__).parent.glob("*/*.yml") if file.parent.name != WANTED]
    assert len(folders) >= ENOUGH
    assert {kind for kind in KINDS if folders.count(kind) < 5} == set()


def test_every_file_name_is_a_sentence() -> None:
    names = [file.stem for file in Path(__file__).parent.glob("*/*.yml")]
    assert [name for name in names if name.count("_") < 3] == []
