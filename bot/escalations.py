"""The durable outbox of escalations and its delivery to the clinic's alert targets.

A record holds time, conversation hash, level, symptoms and channel; no patient text and no conversation id. It stays
``pending`` until every target has taken it. Delivery goes through Apprise (e-mail, SMS, Slack, webhooks and more).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import clinic as clinics
from bot import secret

logger = logging.getLogger(__name__)

DEFAULT_FILE = Path("var/escalations.db")
FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=15)
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


class Outbox:
    """SQLite file of escalations; safe to use from several threads and processes."""

    def __init__(self, file: Path | None = None) -> None:
        """Open or create the file."""
        self._file = file or Path(os.environ.get("IL2_OUTBOX", DEFAULT_FILE))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        for tries_left in range(50, -1, -1):
            try:
                self._set_up()
                break
            except sqlite3.OperationalError as error:
                # Another process sets it up at this moment: for the change to WAL SQLite does not wait by itself.
                if "locked" not in str(error) or not tries_left:
                    raise
                time.sleep(0.1)

    def _set_up(self) -> None:
        with closing(self._connect()) as db, db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS escalations (id INTEGER PRIMARY KEY, created TEXT NOT NULL,"
                " message_id TEXT NOT NULL, conversation TEXT NOT NULL, record TEXT NOT NULL,"
                " status TEXT NOT NULL DEFAULT 'pending', tries INTEGER NOT NULL DEFAULT 0, next_try TEXT NOT NULL,"
                " delivered TEXT NOT NULL DEFAULT '[]', UNIQUE (conversation, message_id))"
            )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, timeout=10)
        db.execute("PRAGMA synchronous=FULL")
        return db

    def record(self, escalation: Escalation, now: datetime | None = None) -> None:
        """Keep an escalation; the same message is kept once."""
        moment = _stamp(now)
        # A message without an id is a message of its own.
        message_id = escalation.message_id or uuid.uuid4().hex
        row = (moment, message_id, escalation.conversation, json.dumps(asdict(escalation)), moment)
        with closing(self._connect()) as db, db:
            db.execute(
                "INSERT OR IGNORE INTO escalations (created, message_id, conversation, record, next_try)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def counts(self) -> dict[str, int]:
        """How many escalations are pending, delivered or kept without a target."""
        with closing(self._connect()) as db:
            return dict(db.execute("SELECT status, count(*) FROM escalations GROUP BY status").fetchall())

    def deliver(self, targets: Sequence[str], send: Send, now: datetime | None = None) -> int:
        """Send what is due to every target that has not taken it yet; returns how many records are done now.

        Without targets a record is ``kept``: it is in the file and nobody is told.
        """
        done = 0
        moment = now or datetime.now(UTC)
        with closing(self._connect()) as db:
            due = db.execute(
                "SELECT id, created, record, tries, delivered FROM escalations"
                " WHERE status = 'pending' AND next_try <= ? ORDER BY id LIMIT 100",
                (_stamp(moment),),
            ).fetchall()
        for key, created, record, tries, delivered in due:
            taken = set(json.loads(delivered))
            taken |= {
                _name(t) for t in targets if _name(t) not in taken and send(t, *_words(created, json.loads(record)))
            }
            complete = all(_name(target) in taken for target in targets)
            status = ("delivered" if targets else "kept") if complete else "pending"
            wait = min(FIRST_RETRY * 2 ** min(tries, 10), LAST_RETRY)
            with closing(self._connect()) as db, db:
                db.execute(
                    "UPDATE escalations SET status = ?, tries = tries + 1, next_try = ?, delivered = ? WHERE id = ?",
                    (status, _stamp(moment + wait), json.dumps(sorted(taken)), key),
                )
            done += complete
        return done


def _stamp(moment: datetime | None) -> str:
    return (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")


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
    where, box = targets(clinic), outbox or Outbox()

    def work() -> None:
        while not stop.wait(POLL):
            try:
                box.deliver(where, send_by_apprise)
            except sqlite3.Error as error:
                logger.error("The outbox could not be read: %s.", type(error).__name__)

    threading.Thread(target=work, name="escalation-delivery", daemon=True).start()
    return stop
