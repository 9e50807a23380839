"""The tracker store: each event once, in its order, in SQLite or PostgreSQL; a conversation goes on during an outage.

Rasa's own SQL store counts the rows and skips as many events, so that a failed read or two overlapping turns lose a
turn; it blocks the event loop, and ends the process for a character that it cannot store. This one appends what a turn
has added under (conversation, number), in threads.

What it has last seen of a conversation it keeps in memory for a while: the next turn reads only what is new, and when
the database is away the conversation goes on from there. What could not be written is written when it is back. Of a
long conversation Rasa gets the last turns and what lasts, so that its hundredth turn takes no longer than its tenth.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SessionStarted, deserialise_events
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.engine import Connection

from bot.conversation import condensed
from bot.masking import masked_event
from bot.stores import tables
from bot.stores.broker import OutboxBroker
from bot.stores.database import Database, Unavailable
from bot.stores.letters import letters
from bot.stores.locks import LocalLocks

logger = logging.getLogger(__name__)

KEEP = 900.0
"""Seconds for which a conversation that is written stays in memory."""
KEPT_CONVERSATIONS, KEPT_EVENTS = 200, 10_000
"""How much of what is written stays in memory."""
WAITING_EVENTS = 50_000
"""How many events that could not be written may wait in memory; beyond it the oldest conversations are given up."""
OVERLAPS = 10
"""How often a turn is numbered again because another worker took its numbers."""

_rows = tables.conversation_events


@dataclass
class _Row:
    """An event as it is stored."""

    type: str
    at: float
    data: str
    letter: dict[str, Any] | None = None


@dataclass
class _Recent:
    """What this worker knows of a conversation: the events of its session, and what the database does not have yet."""

    events: list[Event] = field(default_factory=list)
    last: int = 0
    digest: bytes = b""
    waiting: list[_Row] = field(default_factory=list)
    used: float = 0.0


def conversation_key(sender: str) -> str:
    """A conversation's name in the database: its id, or a hash of one that no database can hold."""
    if len(sender) <= 200 and "\x00" not in sender:
        try:
            sender.encode()
        except UnicodeEncodeError:
            pass
        else:
            return sender
    return f"sha256-{hashlib.sha256(sender.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _digest(data: str) -> bytes:
    return hashlib.blake2b(data.encode(), digest_size=16).digest()


class SqlTrackers(TrackerStore):
    """``tracker_store.type: bot.stores.tracker.SqlTrackers`` with ``url: sqlite:///...`` or ``postgresql://...``."""

    def __init__(
        self, domain: Domain | None = None, event_broker: EventBroker | None = None, host: str = "", **kwargs: Any
    ) -> None:
        """Take the address (Rasa passes ``url`` as ``host``); nothing is connected before the first message.

        Raises:
            TypeError: for an event broker that is not fed from the database.
        """
        if event_broker is not None and not isinstance(event_broker, OutboxBroker):
            raise TypeError("With this tracker store the event_broker must be bot.stores.broker.OutboxBroker.")
        super().__init__(domain, event_broker, **kwargs)
        self.database = Database(host, tables.CONVERSATIONS)
        self.database.on_return.append(self._write_waiting)
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self._one_at_a_time = LocalLocks()
        self.broker = event_broker
        if event_broker is not None:
            event_broker.deliver_from(self.database)

    # -- reading ---------------------------------------------------------------------------------------

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation's current session; from memory when the database is away."""
        key = conversation_key(sender_id)
        try:
            recent = await self._catch_up(key)
        except Unavailable:
            recent = self._recent.get(key)
        return self._tracker(sender_id, recent.events if recent else [])

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """All sessions of the conversation."""
        key = conversation_key(conversation_id)
        query = sa.select(_rows.c.data).where(_rows.c.conversation == key).order_by(_rows.c.seq)
        found = await self.database.run(lambda db: db.execute(query).scalars().all())
        return self._tracker(conversation_id, deserialise_events([json.loads(data) for data in found]))

    async def keys(self) -> Iterable[str]:
        """The names of all conversations."""
        query = sa.select(_rows.c.conversation).distinct()
        return await self.database.run(lambda db: list(db.execute(query).scalars()))

    def _tracker(self, sender: str, events: Sequence[Event]) -> DialogueStateTracker | None:
        if not events:
            return None
        tracker = DialogueStateTracker.from_events(sender, list(events), self.domain.slots)
        _mark(tracker)
        return tracker

    async def _catch_up(self, key: str) -> _Recent | None:
        """Add what other workers have written since; None for a conversation that is not there."""
        async with self._one_at_a_time.hold(key):
            await self._write(key)
            known = self._recent.get(key)
            found = await self.database.run(lambda db: self._read_on(db, key, known) or self._read(db, key))
            now = self._recent.get(key)
            if now is None or not now.waiting:  # else another turn has gone on meanwhile
                if found is None:
                    self._recent.pop(key, None)  # it was deleted
                else:
                    self._keep(key, found)
            return found

    def _read_on(self, db: Connection, key: str, known: _Recent | None) -> _Recent | None:
        """What is known with what came after it; None if that does not fit together."""
        if known is None or not known.last:
            return None
        query = sa.select(_rows.c.seq, _rows.c.type, _rows.c.data).where(
            _rows.c.conversation == key, _rows.c.seq >= known.last
        )
        found = db.execute(query.order_by(_rows.c.seq)).all()
        fits = found and found[0].seq == known.last and _digest(found[0].data) == known.digest
        if not fits or any(row.type == SessionStarted.type_name for row in found[1:]):
            return None
        if len(found) == 1:
            return known
        new = deserialise_events([json.loads(row.data) for row in found[1:]])
        return _Recent(condensed([*known.events, *new]), found[-1].seq, _digest(found[-1].data))

    def _read(self, db: Connection, key: str) -> _Recent | None:
        start = (
            sa.select(_rows.c.session).where(_rows.c.conversation == key).order_by(_rows.c.seq.desc()).limit(1)
        ).scalar_subquery()
        query = sa.select(_rows.c.seq, _rows.c.data).where(_rows.c.conversation == key, _rows.c.seq >= start)
        found = db.execute(query.order_by(_rows.c.seq)).all()
        if not found:
            return None
        events = deserialise_events([json.loads(row.data) for row in found])
        return _Recent(condensed(events), found[-1].seq, _digest(found[-1].data))

    # -- writing ---------------------------------------------------------------------------------------

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Append what the turn has added; what cannot be written now waits in memory."""
        key = conversation_key(tracker.sender_id)
        new = list(itertools.islice(tracker.events, _marked(tracker), None))
        _mark(tracker)
        if not new:
            return
        recent = self._recent.get(key) or _Recent()
        recent.events = condensed(_session(list(tracker.events)))
        recent.waiting = [*recent.waiting, *self._as_rows(new)]
        self._keep(key, recent)
        try:
            async with self._one_at_a_time.hold(key):
                await self._write(key)
        except Unavailable:
            self._give_up_beyond(WAITING_EVENTS)

    def _as_rows(self, events: Sequence[Event]) -> list[_Row]:
        rows = []
        for event in events:
            data = masked_event(event.as_dict())
            letter = letters(data) if self.broker else None
            rows.append(_Row(event.type_name, float(event.timestamp), json.dumps(data), letter))
        return rows

    async def _write(self, key: str) -> None:
        """Write what waits of a conversation; one call at a time."""
        recent = self._recent.get(key)
        if recent is None or not recent.waiting:
            return
        waiting = tuple(recent.waiting)
        for _ in range(OVERLAPS):
            try:
                last = await self.database.run(lambda db: self._append(db, key, recent.last, waiting))
                break
            except sa.exc.IntegrityError:
                continue  # another worker was at the same number
        else:
            raise Unavailable("the conversation is being written by many at once")
        recent.waiting = recent.waiting[len(waiting) :]
        if last == recent.last + len(waiting):
            recent.last, recent.digest = last, _digest(waiting[-1].data)
        else:
            recent.last = 0  # another worker has written in between: the next turn reads it all

    def _append(self, db: Connection, key: str, known: int, rows: Sequence[_Row]) -> int:
        """Append rows behind the last one, but for those that an attempt of which nothing was heard has written."""
        there = sa.select(_rows.c.seq, _rows.c.session, _rows.c.data).where(_rows.c.conversation == key)
        found = db.execute(there.where(_rows.c.seq >= known).order_by(_rows.c.seq)).all()
        if known and not found:
            found = db.execute(there.order_by(_rows.c.seq)).all()  # it was deleted meanwhile
        last, session = (found[-1].seq, found[-1].session) if found else (0, 1)
        written = {row.data for row in found if row.seq > known}
        return self._insert(db, key, last, session, [row for row in rows if row.data not in written])

    def _insert(self, db: Connection, key: str, last: int, session: int, rows: Sequence[_Row]) -> int:
        values, outgoing = [], []
        for seq, row in enumerate(rows, last + 1):
            session = seq if row.type == SessionStarted.type_name else session
            values.append(
                {"conversation": key, "seq": seq, "session": session, "type": row.type, "at": row.at, "data": row.data}
            )
            if row.letter is not None and self.broker is not None:
                outgoing.append({"conversation": key, "body": self.broker.sealed(key, seq, row.letter)})
        if values:
            db.execute(_rows.insert(), values)
        if outgoing:
            db.execute(tables.outgoing_events.insert(), outgoing)
        return last + len(rows)

    async def _write_waiting(self) -> None:
        """Write all that has waited for the database, the oldest first."""
        for key in [key for key, recent in self._recent.items() if recent.waiting]:
            async with self._one_at_a_time.hold(key):
                await self._write(key)

    # -- forgetting ------------------------------------------------------------------------------------

    async def delete(self, sender_id: str) -> None:
        """Remove a conversation.

        Raises:
            Unavailable: when the database cannot do it now.
        """
        key = conversation_key(sender_id)
        self._recent.pop(key, None)

        def work(db: Connection) -> None:
            for table in (_rows, tables.outgoing_events):
                db.execute(table.delete().where(table.c.conversation == key))

        await self.database.run(work)
        self._recent.pop(key, None)

    async def idle(self, before: float) -> list[str]:
        """Conversations in which nothing has happened since a moment (seconds since 1970)."""
        query = sa.select(_rows.c.conversation).group_by(_rows.c.conversation).having(sa.func.max(_rows.c.at) < before)
        return await self.database.run(lambda db: list(db.execute(query).scalars()))

    async def trim(self, before: float, dry: bool = False) -> int:
        """Remove the events before a moment of sessions that are over; returns how many (``dry``: only count).

        The current session of a conversation stays whole: a turn may be reading it.
        """
        other = _rows.alias()
        current = sa.select(sa.func.max(other.c.session)).where(other.c.conversation == _rows.c.conversation)
        old = sa.and_(_rows.c.at < before, _rows.c.seq < current.scalar_subquery())

        def work(db: Connection) -> int:
            if dry:
                return int(db.execute(sa.select(sa.func.count()).select_from(_rows).where(old)).scalar_one())
            return int(db.execute(_rows.delete().where(old)).rowcount)

        return await self.database.run(work)

    def _keep(self, key: str, recent: _Recent) -> None:
        """Remember a conversation, and forget those that are written and old or too many."""
        recent.used = time.monotonic()
        self._recent[key] = recent
        self._recent.move_to_end(key)
        events = sum(len(one.events) for one in self._recent.values())
        for old, one in list(self._recent.items()):
            idle = recent.used - one.used > KEEP
            if not (idle or len(self._recent) > KEPT_CONVERSATIONS or events > KEPT_EVENTS):
                break
            if old != key and not one.waiting:
                events -= len(one.events)
                del self._recent[old]

    def _give_up_beyond(self, limit: int) -> None:
        waiting = sum(len(one.waiting) for one in self._recent.values())
        for key, one in list(self._recent.items()):
            if waiting <= limit:
                break
            waiting -= len(one.waiting)
            del self._recent[key]
            logger.error("The database is away for long: a conversation of %d events was given up.", len(one.events))


def _session(events: list[Event]) -> list[Event]:
    """The events from the latest start of a session on."""
    starts = [number for number, event in enumerate(events) if isinstance(event, SessionStarted)]
    return events[starts[-1] :] if starts else events


def _mark(tracker: DialogueStateTracker) -> None:
    """Note how many of the tracker's events are known to the store."""
    tracker.il2_known = len(tracker.events)  # type: ignore[attr-defined]


def _marked(tracker: DialogueStateTracker) -> int:
    return int(getattr(tracker, "il2_known", 0))
