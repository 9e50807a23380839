"""The durable outbox of escalations and its delivery to the clinic's alert targets.

A record holds time, conversation hash, level, symptoms and channel; no patient text and no conversation id. It stays
``pending`` until every target has taken it. Delivery goes through Apprise (e-mail, SMS, Slack, webhooks and more).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot import clinic as clinics
from bot import secret
from bot.stores import database
from bot.stores.schema import Part

logger = logging.getLogger(__name__)

DEFAULT_FILE = Path("var/escalations.db")
FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=15)
LEASE = timedelta(seconds=90)
"""For how long a record that somebody delivers is left alone by others."""
POLL = 2.0
"""Seconds between two looks into the outbox."""

Send = Callable[[str, str, str], bool]
"""Takes target URL, title and body; returns whether the target took it."""


def conversation_hash(sender: str) -> str:
    """A name for a conversation that tells nothing of its id: HMAC-SHA256 with ``IL2_SECRET``, 16 hex digits."""
    return hmac.new(secret.secret(), sender.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True)
class Escalation:
    """What the care team is told."""

    message_id: str
    conversation: str
    level: str
    symptoms: tuple[str, ...]
    channel: str
    setting: str


@dataclass(frozen=True)
class Recorded:
    """An escalation in the outbox, and whether its alert was ``delivered``, is ``pending``, or was ``kept`` only."""

    at: datetime
    escalation: Escalation
    alert: str


_meta = sa.MetaData()
_records = sa.Table(
    "escalations",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try", sa.Text, nullable=False),
    sa.Column("delivered", sa.Text, nullable=False, server_default="[]"),
    sa.UniqueConstraint("conversation", "message_id"),
)


def _make(db: Connection) -> None:
    _meta.create_all(db)


TABLES = Part("escalations", (_make,))


def address(given: str | Path | None = None) -> str:
    """Where the outbox is, for SQLAlchemy: ``IL2_OUTBOX`` names a file or an address such as ``postgresql://...``."""
    named = str(given or os.environ.get("IL2_OUTBOX") or DEFAULT_FILE)
    return named if "://" in named else f"sqlite:///{named}"


class Outbox:
    """Escalations in a database; safe to use from several threads, processes and, on PostgreSQL, machines."""

    def __init__(self, where: str | Path | None = None) -> None:
        """Open it, or make it; the default is :func:`address`."""
        self._engine = database.opened(address(where), TABLES)
        self._unnoted: dict[int, dict[str, Any]] = {}
        """What has been delivered and could not be noted: the database was away just then."""

    def record(self, escalation: Escalation, now: datetime | None = None) -> None:
        """Keep an escalation; the same message is kept once."""
        moment = _stamp(now)
        # A message without an id is a message of its own.
        message_id = escalation.message_id or uuid.uuid4().hex
        row = {"created": moment, "message_id": message_id, "conversation": escalation.conversation}
        row |= {"record": json.dumps(asdict(escalation)), "next_try": moment}
        with contextlib.suppress(sa.exc.IntegrityError), self._engine.begin() as db:
            db.execute(_records.insert().values(row))

    def recorded(self, since: datetime, limit: int = 500) -> list[Recorded]:
        """The escalations since a moment, newest first."""
        query = sa.select(_records).where(_records.c.created >= _stamp(since)).order_by(_records.c.id.desc())
        with self._engine.connect() as db:
            rows = db.execute(query.limit(limit)).all()
        return [
            Recorded(datetime.fromisoformat(row.created), _escalation(row.record, row.message_id), row.status)
            for row in rows
        ]

    def counts(self) -> dict[str, int]:
        """How many escalations are pending, delivered or kept without a target."""
        query = sa.select(_records.c.status, sa.func.count().label("number")).group_by(_records.c.status)
        with self._engine.connect() as db:
            return {row.status: row.number for row in db.execute(query)}

    def purge(self, before: datetime, dry: bool = False) -> int:
        """Remove what is older than a moment, but for what still waits; returns how many (``dry``: only count)."""
        old = sa.and_(_records.c.status != "pending", _records.c.created < _stamp(before))
        with self._engine.begin() as db:
            if dry:
                return int(db.execute(sa.select(sa.func.count()).select_from(_records).where(old)).scalar_one())
            return int(db.execute(_records.delete().where(old)).rowcount)

    def remove(self, conversation: str, message_id: str) -> bool:
        """Remove one escalation whose alert is not on its way; False when there is none such."""
        this = sa.and_(_records.c.conversation == conversation, _records.c.message_id == message_id)
        with self._engine.begin() as db:
            return bool(db.execute(_records.delete().where(this, _records.c.status != "pending")).rowcount)

    def deliver(self, targets: Sequence[str], send: Send, now: datetime | None = None) -> int:
        """Send what is due to every target that has not taken it yet; returns how many records are done now.

        Without targets a record is ``kept``: it is in the file and nobody is told. Of several processes one delivers a
        record; should it end in the middle, another one takes it up after :data:`LEASE`.
        """
        self._note()
        done = 0
        moment = now or datetime.now(UTC)
        due = sa.and_(_records.c.status == "pending", _records.c.next_try <= _stamp(moment))
        with self._engine.connect() as db:
            found = db.execute(sa.select(_records).where(due).order_by(_records.c.id).limit(100)).all()
        for row in found:
            if not self._claim(row, _stamp(moment + LEASE)):
                continue
            words = _words(row.created, json.loads(row.record))
            taken = set(json.loads(row.delivered))
            taken |= {_name(t) for t in targets if _name(t) not in taken and send(t, *words)}
            complete = all(_name(target) in taken for target in targets)
            status = ("delivered" if targets else "kept") if complete else "pending"
            wait = min(FIRST_RETRY * 2 ** min(row.tries, 10), LAST_RETRY)
            told = {"status": status, "tries": row.tries + 1, "delivered": json.dumps(sorted(taken))}
            told["next_try"] = _stamp(moment + wait)
            self._unnoted[row.id] = told
            self._note()
            done += complete
        return done

    def _note(self) -> None:
        for key, told in list(self._unnoted.items()):
            with self._engine.begin() as db:
                db.execute(_records.update().where(_records.c.id == key).values(told))
            del self._unnoted[key]

    def _claim(self, row: Any, until: str) -> bool:
        same = sa.and_(_records.c.id == row.id, _records.c.status == "pending", _records.c.next_try == row.next_try)
        with self._engine.begin() as db:
            return bool(db.execute(_records.update().where(same).values(next_try=until)).rowcount)


def _stamp(moment: datetime | None) -> str:
    return (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")


def _escalation(record: str, message_id: str) -> Escalation:
    fields = json.loads(record)
    return Escalation(**{**fields, "symptoms": tuple(fields["symptoms"]), "message_id": message_id})


def _name(target: str) -> str:
    """A target's name in the file: its URL may hold a secret."""
    return hashlib.sha256(target.encode()).hexdigest()[:12]


def _words(created: str, record: dict[str, object]) -> tuple[str, str]:
    symptoms = record["symptoms"]
    named = ", ".join(map(str, symptoms)) if isinstance(symptoms, list) else ""
    title = f"IL-2 Companion: {record['level']} ({named})"
    body = (
        f"Level: {record['level']}\nSymptoms: {named}\nTime: {created}\nSetting: {record['setting'] or 'unknown'}\n"
        f"Channel: {record['channel']}\nConversation: {record['conversation']}"
    )
    return title, body


def send_by_apprise(target: str, title: str, body: str) -> bool:
    """Send through Apprise; a failure is logged without the target, which may hold a secret."""
    import apprise

    sender = apprise.Apprise()
    try:
        return bool(sender.add(target) and sender.notify(body=body, title=title))
    except Exception as error:
        logger.error("An alert could not be sent: %s.", type(error).__name__)
        return False


def targets(clinic: clinics.Clinic) -> list[str]:
    """The Apprise URLs of the clinic's alert targets.

    Raises:
        ClinicError: when a named environment variable is not set.
    """
    missing = [name for name in clinic.alerts if not os.environ.get(name)]
    if missing:
        raise clinics.ClinicError(f"clinic.yml names the alert target {missing[0]}, but that variable is not set.")
    return [os.environ[name] for name in clinic.alerts]


def start_delivery(clinic: clinics.Clinic, outbox: Outbox | None = None) -> threading.Event:
    """Deliver in the background until the returned event is set."""
    stop = threading.Event()
    where, box = targets(clinic), outbox

    def work() -> None:
        nonlocal box
        while not stop.wait(POLL):
            try:
                box = box or Outbox()  # the database may not be there yet
                box.deliver(where, send_by_apprise)
            except (sa.exc.SQLAlchemyError, OSError) as error:
                logger.error("The outbox could not be read: %s.", type(error).__name__)

    threading.Thread(target=work, name="escalation-delivery", daemon=True).start()
    return stop
