"""Databases that answer in time or say that they are away: SQLite or PostgreSQL, through SQLAlchemy.

A database that hangs must never hold a patient up. Every connection has limits on both sides, calls run in threads of
their own, and once a call has failed the following ones are refused at once, until a look in the background finds the
database again and its tables in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from bot.stores.schema import Part

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 1.5
"""Seconds that one statement, or connecting, may take."""
LOOK = 1.0
"""Seconds between two looks at a database that is away."""
LOCKED = 2.0
"""Seconds for which SQLite waits for another writer."""

OUTAGES = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.ProgrammingError,  # the tables are gone: somebody has set up an empty database
    sa.exc.TimeoutError,
    OSError,
)


class Unavailable(Exception):
    """The database cannot be asked at the moment."""


_limit = threading.local()


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let this thread's statements take longer, for migrations and copies."""
    before = getattr(_limit, "seconds", PATIENCE)
    _limit.seconds = seconds
    try:
        yield
    finally:
        _limit.seconds = before


def _wait(connection: Any) -> None:
    """Wait for PostgreSQL with a limit on this side: a stopped server keeps none of its own.

    psycopg2 calls this for whatever it waits for, and closes the connection when it raises.
    """
    import psycopg2
    from psycopg2 import extensions

    until = time.monotonic() + getattr(_limit, "seconds", PATIENCE) + 0.2
    while (state := connection.poll()) != extensions.POLL_OK:
        left = until - time.monotonic()
        watch = select.poll()
        watch.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if left <= 0 or not watch.poll(left * 1000):
            raise psycopg2.OperationalError("the database did not answer in time")


def engine(address: str | URL, pool: int = 5) -> Engine:
    """An engine whose connections have limits; nothing is connected yet."""
    url = sa.engine.make_url(address)
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        made = sa.create_engine(url)
        sa.event.listen(made, "connect", _set_up_sqlite)
        return made
    from psycopg2 import extensions

    extensions.set_wait_callback(_wait)
    milliseconds = int(PATIENCE * 1000)
    given = url.query.get("options", "")
    options = f"{given} -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}".strip()
    return sa.create_engine(
        url.difference_update_query(["options"]),
        connect_args={"options": options, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2},
        pool_size=pool,
        max_overflow=0,
        pool_timeout=PATIENCE,
        pool_pre_ping=True,
        pool_recycle=1800,
    )


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={int(LOCKED * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")


_opened: dict[str, Engine] = {}
_opening = threading.Lock()


def opened(address: str, part: Part) -> Engine:
    """The engine of an address with its part of the tables in order, for calls from a thread; one for each address."""
    with _opening:
        if address not in _opened:
            _opened[address] = engine(address)
        made = _opened[address]
    part.ensure(made)
    return made


def checkpoint(db: Connection) -> None:
    """Have SQLite write its log back, so that deleted words are not left in it."""
    if db.dialect.name == "sqlite":
        db.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))


class Database:
    """A database with its part of the tables, asked from the event loop without holding it."""

    def __init__(self, address: str | URL, part: Part, threads: int = 4) -> None:
        """Name the address and the tables; nothing is connected before the first call."""
        self.engine = engine(address, pool=threads)
        self._part = part
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=part.name)
        self._looking: asyncio.Task[None] | None = None
        self._in_order = False
        self.on_return: list[Callable[[], Any]] = []
        """What to do when the database is back: functions that give a coroutine."""

    @property
    def away(self) -> bool:
        """Whether calls are refused at the moment."""
        return self._looking is not None and not self._looking.done()

    @property
    def seen(self) -> bool:
        """Whether the tables have been found, or made, since the start."""
        return self._in_order

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do work in a transaction.

        Raises:
            Unavailable: when the database is away; it may have kept the work all the same.
        """
        if self.away:
            raise Unavailable(self._part.name)
        try:
            return await self._within(lambda: self._transaction(work))
        except (TimeoutError, *OUTAGES) as error:
            self._begin_looking(error)
            raise Unavailable(self._part.name) from None

    async def _within(self, call: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, call)
        return await asyncio.wait_for(future, PATIENCE + 0.5)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        if not self._in_order:
            self._part.ensure(self.engine)
            self._in_order = True
        with self.engine.begin() as connection:
            return work(connection)

    def _begin_looking(self, error: Exception) -> None:
        if not self.away:
            # Its text may hold what was to be written.
            logger.error("The database of %s is away: %s.", self._part.name, type(error).__name__)
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        """Ask again until the database answers and its tables are in order, then let calls pass."""
        while True:
            await asyncio.sleep(LOOK)
            with contextlib.suppress(TimeoutError, *OUTAGES):
                await self._within(self._check)
                break
        logger.warning("The database of %s is back.", self._part.name)
        self._looking = None
        for work in self.on_return:
            try:
                await work()
            except Exception as error:
                logger.error("What waited for %s could not be written: %s.", self._part.name, type(error).__name__)

    def _check(self) -> None:
        self.engine.dispose()
        self._part.ensure(self.engine)
        self._in_order = True

    async def close(self) -> None:
        """Let go of the connections."""
        if self._looking is not None:
            self._looking.cancel()
        self._threads.shutdown(wait=False)
        self.engine.dispose()
