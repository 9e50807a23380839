"""Whole conversations against the trained bot in this process, with the real rules and texts."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.conversations import runner

# What the companion ought to do and does not yet: written first, moved to their folders when they pass.
WANTED = "wanted"
FILES = [
    pytest.param(file, id=f"{file.parent.name}/{file.stem}", marks=[pytest.mark.xfail] * (file.parent.name == WANTED))
    for file in sorted(Path(__file__).parent.glob("*/*.yml"))
]


@pytest.mark.parametrize("file", FILES)
def test_a_conversation_goes_as_written(file: Path, agent: Any, loop: asyncio.AbstractEventLoop) -> None:
    from bot.runtime.agent import Chat

    chat = Chat(agent, uuid.uuid4().hex)
    found = loop.run_until_complete(runner.run(runner.load(file), chat.say))
    assert not found, "\n".join(found)
