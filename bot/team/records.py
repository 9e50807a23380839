"""What the team page writes: what became of an escalation, what is to be deleted, and who saw and did what.

Statuses and audit log only grow. Each line of the audit log holds a MAC over itself and the line before, under a key
of this installation: a line that is changed, moved or taken out of the middle no longer fits, and
:meth:`Records.broken` says where. No table holds a patient's words.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot import secret
from bot.stores import database
from bot.stores.schema import Part
from bot.unanswered import address

TRIES = 50
"""How often a line is tried again that another process was faster with."""


ESCALATION, QUESTION = "escalation", "question"
"""Kinds of records that can be deleted on request."""


class Status(enum.Enum):
    """What became of an escalation."""

    NEW = "new"
    CALLED_BACK = "called back"
    CLOSED = "closed"


@dataclass(frozen=True)
class Change:
    """The last change of an escalation's status."""

    status: Status
    by: str
    at: float


@dataclass(frozen=True)
class Wish:
    """That a record be deleted, on a patient's request; somebody else has to confirm it.

    Attributes:
        kind: :data:`ESCALATION` or :data:`QUESTION`.
        which: the escalation's key, or the question's number.
        by: who asks for it.
        at: since when (Unix time).
    """

    kind: str
    which: str
    by: str
    at: float


@dataclass(frozen=True)
class Line:
    """One line of the audit log; ``what`` is an id or a filter, never text."""

    seq: int
    at: float
    who: str
    role: str
    did: str
    what: str
    mac: str


_meta = sa.MetaData()
_changes = sa.Table(
    "escalation_status",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("escalation", sa.String(64), nullable=False, index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
_wishes = sa.Table(
    "deletions",
    _meta,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("which", sa.String(64), primary_key=True),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
_audit = sa.Table(
    "audit",
    _meta,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("did", sa.String(32), nullable=False),
    sa.Column("what", sa.String(256), nullable=False),
    sa.Column("mac", sa.String(64), nullable=False),
)
# The database itself refuses to change or remove a line.
for _statement in ("UPDATE", "DELETE"):
    _name = f"audit_no_{_statement.lower()}"
    sa.event.listen(
        _audit,
        "after_create",
        sa.DDL(
            f"CREATE TRIGGER {_name} BEFORE {_statement} ON audit BEGIN SELECT RAISE(ABORT, 'audit only grows'); END"
        ).execute_if(dialect="sqlite"),
    )
    sa.event.listen(
        _audit,
        "after_create",
        sa.DDL(
            f"CREATE OR REPLACE FUNCTION {_name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'audit only grows'; END $$; "
            f"CREATE TRIGGER {_name} BEFORE {_statement} ON audit FOR EACH ROW EXECUTE FUNCTION {_name}()"
        ).execute_if(dialect="postgresql"),
    )


def _make(db: Connection) -> None:
    _meta.create_all(db)


TABLES = Part("team", (_make,))


def key_of(conversation: str, message_id: str) -> str:
    """The name of an escalation in addresses and in the audit log, whatever database the outbox is in."""
    return hashlib.sha256(f"{conversation}\n{message_id}".encode()).hexdigest()[:20]


class Records:
    """Statuses, wishes and audit log in a database."""

    def __init__(self, where: str | None = None) -> None:
        """Name the database; it is opened at the first use."""
        self._address = where or address()

    def _begin(self) -> Any:
        return database.opened(self._address, TABLES).begin()

    # -- what became of an escalation --------------------------------------------------------------

    def set(self, escalation: str, status: Status, by: str) -> None:
        """Note a new status; earlier ones stay in the table."""
        row = {"escalation": escalation, "status": status.value, "by": by, "at": time.time()}
        with self._begin() as db:
            db.execute(_changes.insert().values(row))

    def last(self, escalations: Sequence[str]) -> dict[str, Change]:
        """The last change of each escalation that had one."""
        newest = (
            sa.select(sa.func.max(_changes.c.id))
            .where(_changes.c.escalation.in_(escalations))
            .group_by(_changes.c.escalation)
        )
        with self._begin() as db:
            rows = db.execute(sa.select(_changes).where(_changes.c.id.in_(newest))).all()
        return {row.escalation: Change(Status(row.status), row.by, row.at) for row in rows}

    # -- what is to be deleted ---------------------------------------------------------------------

    def wish(self, kind: str, which: str, by: str) -> bool:
        """Ask for the deletion of a record; False when somebody has asked before."""
        row = {"kind": kind, "which": which, "by": by, "at": time.time()}
        try:
            with self._begin() as db:
                db.execute(_wishes.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def wishes(self) -> list[Wish]:
        """What is asked for, the oldest first."""
        with self._begin() as db:
            return [Wish(**row) for row in db.execute(sa.select(_wishes).order_by(_wishes.c.at)).mappings()]

    def wished(self, kind: str, which: str) -> Wish | None:
        """The wish that a record be deleted, if somebody has asked for it."""
        return next((one for one in self.wishes() if (one.kind, one.which) == (kind, which)), None)

    def settle(self, wish: Wish) -> bool:
        """Take a wish off, done or not wanted any more; False when it is off already."""
        this = (_wishes.c.kind == wish.kind, _wishes.c.which == wish.which, _wishes.c.by == wish.by)
        with self._begin() as db:
            return bool(db.execute(_wishes.delete().where(*this)).rowcount)

    # -- who saw and did what ----------------------------------------------------------------------

    def note(self, who: str, role: str, did: str, what: str = "") -> None:
        """Append a line.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: when it cannot be written; then nothing may be shown or done.
        """
        for tries_left in range(TRIES, -1, -1):
            try:
                with self._begin() as db:
                    self._append(
                        db, {"at": time.time(), "who": who[:128], "role": role, "did": did, "what": what[:256]}
                    )
                return
            except (sa.exc.IntegrityError, sa.exc.OperationalError):
                # Another process had the same number; the next one is free.
                if not tries_left:
                    raise
                time.sleep(0.01)

    def _append(self, db: Connection, row: dict[str, Any]) -> None:
        last = db.execute(sa.select(_audit.c.seq, _audit.c.mac).order_by(_audit.c.seq.desc()).limit(1)).first()
        row = {"seq": last.seq + 1 if last else 1, **row}
        db.execute(_audit.insert().values(mac=_mac(row, last.mac if last else ""), **row))

    def lines(self, limit: int = 200) -> list[Line]:
        """The newest lines of the audit log, newest first."""
        with self._begin() as db:
            rows = db.execute(sa.select(_audit).order_by(_audit.c.seq.desc()).limit(limit)).mappings()
            return [Line(**row) for row in rows]

    def broken(self) -> int | None:
        """The number of the first line that does not fit the one before, or None. Only the end could be cut unseen."""
        before, expected = "", 1
        with self._begin() as db:
            for row in db.execute(sa.select(_audit).order_by(_audit.c.seq)).mappings():
                fields = {name: row[name] for name in ("seq", "at", "who", "role", "did", "what")}
                if row["seq"] != expected or not hmac.compare_digest(row["mac"], _mac(fields, before)):
                    return expected
                before, expected = row["mac"], expected + 1
        return None


def _mac(row: dict[str, Any], before: str) -> str:
    fields = [row[name] for name in ("seq", "at", "who", "role", "did", "what")]
    return secret.mac("team audit", json.dumps([before, *fields])).hex()
