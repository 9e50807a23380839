"""Stores that fail on request: Rasa loads them by name from an endpoints file. A file on the disk is the request."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rasa.core.lock import TicketLock
from rasa.core.lock_store import InMemoryLockStore, LockError
from rasa.core.tracker_store import SQLTrackerStore
from sqlalchemy.engine import Engine

from bot.stores.tracker import SqlTrackers

FOLDER = Path(os.environ.get("IL2_FAULTS", "."))
READ, LOCK = FOLDER / "fail-one-read", FOLDER / "fail-locks"
READS, LOCKS = FOLDER / "reads-failed", FOLDER / "locks-failed"


def _fail_one_read(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if "SELECT" in statement and "events" in statement and READ.exists():
        READ.unlink(missing_ok=True)
        with READS.open("a") as log:
            log.write("x")
        raise sa.exc.OperationalError(statement, {}, Exception("the fault test fails one read"))


class OurTrackers(SqlTrackers):
    """The companion's store; a read fails when asked to."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        sa.event.listen(Engine, "before_cursor_execute", _fail_one_read)


class StockTrackers(SQLTrackerStore):
    """Rasa's store; a read fails when asked to."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        sa.event.listen(Engine, "before_cursor_execute", _fail_one_read)


class Locks(InMemoryLockStore):
    """Rasa's lock store; no lock can be had when asked so."""

    def __init__(self, endpoint_config: Any = None) -> None:
        super().__init__()

    @asynccontextmanager
    async def lock(self, conversation_id: str, *arguments: Any, **more: Any) -> AsyncGenerator[TicketLock, None]:
        if LOCK.exists():
            with LOCKS.open("a") as log:
                log.write("x")
            raise LockError("the fault test gives no lock")
        async with super().lock(conversation_id, *arguments, **more) as held:
            yield held
