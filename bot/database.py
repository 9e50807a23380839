"""Opens a database of SQLAlchemy for several threads and processes, its tables made."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

_engines: dict[tuple[str, int], Engine] = {}
_making = threading.Lock()


def engine(address: str, tables: sa.MetaData) -> Engine:
    """The database at a SQLAlchemy address; the same one for the same address and tables."""
    with _making:
        key = (address, id(tables))
        if key not in _engines:
            _engines[key] = _made(sa.engine.make_url(address), tables)
        return _engines[key]


def _made(url: sa.engine.URL, tables: sa.MetaData) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    made = sa.create_engine(url, pool_pre_ping=not sqlite)
    if sqlite:
        sa.event.listen(made, "connect", _set_up_sqlite)
    for tries_left in range(20, -1, -1):
        try:
            if sqlite:
                with made.connect() as connection:
                    connection.execute(sa.text("PRAGMA journal_mode=WAL"))
            tables.create_all(made)
            break
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            # Another process is making them at this moment; neither waits for the other by itself.
            if not tries_left:
                raise
            time.sleep(0.1)
    return made


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA busy_timeout=8000")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")


def checkpoint(db: Connection) -> None:
    """Have SQLite write its log back, so that deleted words are not left in it."""
    if db.dialect.name == "sqlite":
        db.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
