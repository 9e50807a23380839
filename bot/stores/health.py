"""How the stores are, for ``/health``."""

from __future__ import annotations

import contextlib
from typing import Any

from bot.stores.database import Unavailable
from bot.stores.locks import RedisLocks
from bot.stores.tracker import SqlTrackers


def _store(agent: Any) -> SqlTrackers | None:
    """The companion's tracker store, behind what Rasa has wrapped around it."""
    store = getattr(getattr(agent, "tracker_store", None), "_tracker_store", None)
    return store if isinstance(store, SqlTrackers) else None


async def ready(agent: Any) -> bool:
    """Whether the database has been seen with its tables in order since the start.

    An outage later on leaves the worker ready: it goes on answering.
    """
    store = _store(agent)
    if store is None:
        return True
    if not store.database.seen:
        with contextlib.suppress(Unavailable):
            await store.database.run(lambda db: None)
    return store.database.seen


def states(agent: Any) -> dict[str, str]:
    """Each store that several workers share, ``ready`` or ``down``; a worker's own file only when it is down."""
    told = {}
    store = _store(agent)
    if store is not None:
        good = not store.database.away and store.database.seen
        if not good or store.database.engine.dialect.name != "sqlite":
            told["database"] = good
        if store.broker is not None:
            told["broker"] = store.broker.up
    locks = getattr(agent, "lock_store", None)
    if isinstance(locks, RedisLocks):
        told["locks"] = locks.up
    return {name: "ready" if good else "down" for name, good in told.items()}
