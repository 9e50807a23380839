"""Removes a conversation from Rasa's tracker store, which has no way of its own to do so."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import sqlalchemy as sa
from rasa.core.tracker_store import InMemoryTrackerStore, SQLTrackerStore


class NotErasable(TypeError):
    """This kind of tracker store cannot remove a conversation."""


async def erase(store: Any, sender: str) -> None:
    """Remove all events of a conversation, whatever Rasa has wrapped around the store.

    A store of another kind may bring an ``async def delete(sender_id)``.

    Raises:
        NotErasable: when it does not.
    """
    fallback = getattr(store, "_fallback_tracker_store", None)
    if fallback is not None:
        await erase(fallback, sender)
    inner = getattr(store, "_tracker_store", None)
    if inner is not None:
        await erase(inner, sender)
    elif isinstance(store, SQLTrackerStore):
        await asyncio.to_thread(_erase_sql, store, sender)
    elif isinstance(store, InMemoryTrackerStore):
        store.store.pop(sender, None)
    elif inspect.iscoroutinefunction(getattr(store, "delete", None)):
        await store.delete(sender)
    else:
        raise NotErasable(f"{type(store).__name__} cannot remove a conversation.")


def _erase_sql(store: SQLTrackerStore, sender: str) -> None:
    with store.session_scope() as session:
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sa.text("PRAGMA secure_delete=ON"))  # the words are overwritten, not only unlinked
        session.query(store.SQLEvent).filter_by(sender_id=sender).delete()
        session.commit()
