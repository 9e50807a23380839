"""Versions of the tables: each part of the data has a list of steps, and a database remembers how many it has taken.

``python -m bot.runtime.migrate`` takes them all, with rights that the workers need not have; a worker that finds its
steps taken changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

Step = Callable[[Connection], None]

TRIES = 50
"""How often a worker waits a tenth of a second for another one that makes the same tables."""
_KEY = 0x494C32
"""Names the lock under which PostgreSQL lets one worker at a time change tables."""

_meta = sa.MetaData()
_versions = sa.Table(
    "schema_versions",
    _meta,
    sa.Column("part", sa.String(32), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)


class NewerSchema(RuntimeError):
    """The database was set up by a newer companion than this one."""


@dataclass(frozen=True)
class Part:
    """A part of the data and how its tables came to be. Steps are only ever added, at the end."""

    name: str
    steps: tuple[Step, ...]

    def version(self, db: Connection) -> int:
        """How many steps the database has taken."""
        if not sa.inspect(db).has_table(_versions.name):
            return 0
        query = sa.select(_versions.c.version).where(_versions.c.part == self.name)
        return int(db.execute(query).scalar() or 0)

    def ensure(self, engine: Engine) -> int:
        """Take the steps that are missing; returns how many there were.

        Raises:
            NewerSchema: when the database knows more steps than this code.
        """
        for tries_left in range(TRIES, -1, -1):
            try:
                with engine.begin() as db:
                    return self._take(db)
            except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError) as error:
                # Another worker is at it at this moment; SQLite does not always wait by itself.
                if not tries_left or not _in_each_others_way(error):
                    raise
                time.sleep(0.1)
        raise AssertionError("not reached")

    def _take(self, db: Connection) -> int:
        version = self.version(db)
        if version > len(self.steps):
            raise NewerSchema(f"{self.name} has version {version}; this companion knows {len(self.steps)}.")
        if version == len(self.steps):
            return 0
        if db.dialect.name == "postgresql":
            db.execute(sa.text("SET LOCAL statement_timeout = 0"))
            db.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        _meta.create_all(db)
        version = self.version(db)
        for step in self.steps[version:]:
            step(db)
        changed = db.execute(_versions.update().where(_versions.c.part == self.name).values(version=len(self.steps)))
        if not changed.rowcount:
            db.execute(_versions.insert().values(part=self.name, version=len(self.steps)))
        return len(self.steps) - version


def _in_each_others_way(error: sa.exc.DBAPIError) -> bool:
    return isinstance(error, sa.exc.IntegrityError) or any(
        words in str(error.orig) for words in ("database is locked", "already exists", "duplicate key")
    )
