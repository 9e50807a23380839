"""Removing a conversation from the tracker store, through whatever Rasa wraps around it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rasa.core.tracker_store import AwaitableTrackerStore, FailSafeTrackerStore, InMemoryTrackerStore, SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.channels.erase import NotErasable, erase


def _store(kind: str, folder: Path) -> Any:
    domain = Domain.empty()
    if kind == "memory":
        return InMemoryTrackerStore(domain)
    sql = SQLTrackerStore(domain, dialect="sqlite", db=str(folder / "conversations.db"))
    return sql if kind == "sql" else FailSafeTrackerStore(AwaitableTrackerStore(sql), fallback_tracker_store=None)


async def _save(store: Any, sender: str) -> None:
    tracker = DialogueStateTracker(sender, [])
    tracker.update(UserUttered(f"canary of {sender}"))
    await store.save(tracker)


@pytest.mark.parametrize("kind", ["memory", "sql", "wrapped"])
def test_one_conversation_goes_and_the_others_stay(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        store = _store(kind, tmp_path)
        await _save(store, "mine")
        await _save(store, "yours")
        await erase(store, "mine")
        assert await store.retrieve("mine") is None
        assert await store.retrieve("yours") is not None
        await erase(store, "nobody")

    asyncio.run(work())
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"canary of mine" not in content
    assert (b"canary of yours" in content) == (kind != "memory")


def test_a_store_may_bring_its_own_way() -> None:
    class Own:
        gone = ""

        async def delete(self, sender_id: str) -> None:
            self.gone = sender_id

    store = Own()
    asyncio.run(erase(store, "mine"))
    assert store.gone == "mine"


def test_a_store_without_a_way_is_named() -> None:
    with pytest.raises(NotErasable, match="object cannot remove"):
        asyncio.run(erase(object(), "mine"))
