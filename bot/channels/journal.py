"""The durable journal of a channel: which events were handled, what was said, which buttons were offered.

It makes a retry harmless (one event id, one turn), lets a patient come back to a conversation, and keeps a message that
was taken from a platform until it is answered. :class:`Journal` is what the channels know; :class:`SqlJournal` keeps it
in any database of SQLAlchemy, by default a SQLite file that all workers of the machine share. With a PostgreSQL address
in ``IL2_JOURNAL`` workers of several machines share it.
"""

from __future__ import annotations

import abc
import enum
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.masking import mask
from bot.stores.database import Database, checkpoint
from bot.stores.schema import Part

DEFAULT_FILE = "var/journal.db"
LEASE = 12.0
"""Seconds after which an event that somebody began and never finished may be begun again."""

Entry = dict[str, Any]
T = TypeVar("T")


class Claim(enum.Enum):
    """What became of the wish to handle an event."""

    NEW = "new"
    """It is the caller's to handle."""
    AGAIN = "again"
    """It is the caller's to handle; whoever began it has ended, at any point of it."""
    RUNNING = "running"
    """Somebody is at it."""
    DONE = "done"
    """It was handled before."""


class UnknownConversation(LookupError):
    """The conversation was never opened, or it was deleted."""


@dataclass(frozen=True)
class Option:
    """A button that was offered: an opaque token and what pressing it says."""

    token: str
    text: str


@dataclass(frozen=True)
class Event:
    """An event that was taken and is not answered yet; ``tries`` counts how often its handling has ended so."""

    conversation: str
    id: str
    payload: dict[str, Any]
    tries: int


@dataclass(frozen=True)
class Parcel:
    """A message on its way to a platform; ``tries`` counts the attempts that failed."""

    id: str
    conversation: str
    body: dict[str, Any]
    tries: int


class Journal(abc.ABC):
    """What a channel remembers. Every method is safe to call from several workers at once."""

    @abc.abstractmethod
    async def open(self, conversation: str, entries: Sequence[Entry] = (), options: Sequence[Option] = ()) -> None:
        """Begin a conversation, once; a conversation that is there stays as it is."""

    @abc.abstractmethod
    async def knows(self, conversation: str) -> bool:
        """Whether the conversation is open."""

    @abc.abstractmethod
    async def accept(
        self,
        conversation: str,
        event: str,
        payload: dict[str, Any],
        entry: Entry | None = None,
        lease: float | None = None,
    ) -> Claim:
        """Take an event, durably, with what the patient said in it: texts are masked.

        One that somebody began and has neither finished nor renewed for ``lease`` seconds (:data:`LEASE`) may be begun
        again.

        Raises:
            UnknownConversation: when it is not open.
        """

    @abc.abstractmethod
    async def finish(
        self,
        conversation: str,
        event: str,
        entries: Sequence[Entry] = (),
        options: Sequence[Option] = (),
        parcels: Sequence[dict[str, Any]] = (),
        anew: bool = False,
    ) -> bool:
        """Keep the answer to an event, all of it or nothing; False when it was finished by somebody else or deleted.

        ``anew``: the patient has had the conversation deleted by this event. All else that is kept of it goes, but for
        what was said since and is not answered yet, and for what is on its way to the platform.
        """

    @abc.abstractmethod
    async def history(self, conversation: str, after: int = 0, reply_to: str | None = None) -> list[Entry]:
        """The entries behind a sequence number with their ``seq``, oldest first; with ``reply_to`` only replies."""

    @abc.abstractmethod
    async def option(self, conversation: str, token: str) -> str | None:
        """What pressing a button says."""

    @abc.abstractmethod
    async def last_options(self, conversation: str) -> list[str]:
        """What the buttons under the last answer say, in their order."""

    @abc.abstractmethod
    async def notes(self, conversation: str) -> dict[str, Any]:
        """What else the channel has noted on the conversation."""

    @abc.abstractmethod
    async def note(self, conversation: str, **changes: Any) -> None:
        """Change the notes on the conversation."""

    @abc.abstractmethod
    async def abandoned(self, limit: int = 20) -> list[Event]:
        """Events whose handling ended without an answer; each is given to one caller alone."""

    @abc.abstractmethod
    async def renew(self, events: Sequence[tuple[str, str]]) -> None:
        """Keep events (conversation and id) that are still being handled from being taken for abandoned."""

    @abc.abstractmethod
    async def due(self, conversation: str | None = None, limit: int = 50) -> list[Parcel]:
        """Of each conversation (or of one) the oldest parcel, if it is due: parcels never overtake each other.

        Each is given to one caller alone, until :data:`LEASE` is over.
        """

    @abc.abstractmethod
    async def sent(self, parcel: str) -> None:
        """A parcel has arrived at the platform; its text goes."""

    @abc.abstractmethod
    async def failed(self, parcel: str, reason: str, again_in: float | None) -> None:
        """A parcel was refused: try again in some seconds, or record it as undeliverable (its text goes)."""

    @abc.abstractmethod
    async def lost(self, conversation: str, reason: str) -> None:
        """Record a message that the platform had taken and could not deliver."""

    @abc.abstractmethod
    async def undeliverable(self) -> list[tuple[str, str]]:
        """Conversation and reason of every message that could not be delivered, oldest first."""

    @abc.abstractmethod
    async def forget(self, conversation: str, by: str = "") -> None:
        """Remove the conversation, and remember that the rest of the system has to forget it too.

        Of the event ``by`` which the patient has asked for it a mark without words stays, see :meth:`ended_by`.
        """

    @abc.abstractmethod
    async def ended_by(self, conversation: str, event: str) -> bool:
        """Whether the conversation is gone, and it was this event by which the patient has had it deleted."""

    @abc.abstractmethod
    async def idle(self, before: float) -> list[str]:
        """Conversations in which nothing has happened since a moment (seconds since 1970)."""

    @abc.abstractmethod
    async def trim(self, before: float, dry: bool = False) -> int:
        """Remove what was said before a moment; returns how many entries (``dry``: only count)."""

    @abc.abstractmethod
    async def to_forget(self) -> list[str]:
        """Conversations that the rest of the system still has to forget."""

    @abc.abstractmethod
    async def forgotten(self, conversation: str) -> None:
        """Nothing is left of the conversation."""


_meta = sa.MetaData()


def _table(name: str, *columns: Any) -> sa.Table:
    return sa.Table(name, _meta, *columns)


def _of(primary: bool = True) -> list[Any]:
    return [
        sa.Column("channel", sa.String(32), primary_key=primary),
        sa.Column("conversation", sa.String(128), primary_key=primary, index=not primary),
    ]


_conversations = _table(
    "conversations",
    *_of(),
    sa.Column("opened", sa.Float, nullable=False),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
)
_entries = _table(
    "entries",
    *_of(),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reply_to", sa.String(128)),
    sa.Column("body", sa.JSON, nullable=False),
)
_events = _table(
    "events",
    *_of(),
    sa.Column("event", sa.String(128), primary_key=True),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("payload", sa.JSON(none_as_null=True)),
)
_options = _table(
    "options", *_of(), sa.Column("token", sa.String(64), primary_key=True), sa.Column("text", sa.Text, nullable=False)
)
_parcels = _table(
    "parcels",
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), unique=True, nullable=False),
    *_of(primary=False),
    sa.Column("body", sa.JSON(none_as_null=True)),
    sa.Column("state", sa.String(8), nullable=False, index=True),
    sa.Column("next_try", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text),
)
_forgets = _table("forgets", *_of(), sa.Column("since", sa.Float, nullable=False))


def _make(db: Connection) -> None:
    _meta.create_all(db)


TABLES = Part("journal", (_make,))


def default_address() -> str:
    """Where the journal is: ``IL2_JOURNAL`` as a SQLAlchemy address, or a SQLite file."""
    return os.environ.get("IL2_JOURNAL") or f"sqlite:///{DEFAULT_FILE}"


def _now(db: Connection) -> float:
    """The time that all workers share: on several machines the database's, for their clocks may differ."""
    if db.dialect.name == "postgresql":
        return float(db.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return time.time()


def _masked(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "text": mask(said["text"])} if said.get("text") else said


class SqlJournal(Journal):
    """A journal in a database."""

    def __init__(self, channel: str, address: str | None = None) -> None:
        """Name the channel; the database is opened at the first use."""
        self._channel, self._address = channel, address
        self._database: Database | None = None

    async def _do(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction, outside the event loop.

        Raises:
            Unavailable: when the database is away.
        """
        if self._database is None:
            self._database = Database(self._address or default_address(), TABLES)
        return await self._database.run(work)

    def _where(self, table: sa.Table, conversation: str, **more: Any) -> Any:
        """The condition that picks a conversation's rows."""
        same = [table.c.channel == self._channel, table.c.conversation == conversation]
        return sa.and_(*same, *(table.c[name] == value for name, value in more.items()))

    def _key(self, conversation: str, **more: Any) -> dict[str, Any]:
        return {"channel": self._channel, "conversation": conversation, **more}

    async def open(self, conversation: str, entries: Sequence[Entry] = (), options: Sequence[Option] = ()) -> None:
        """See :meth:`Journal.open`."""

        def work(db: Connection) -> None:
            row = self._key(conversation, opened=time.time(), last=0, options=[], notes={})
            db.execute(_conversations.insert().values(row))
            self._append(db, conversation, entries)
            self._offer(db, conversation, options)

        if await self.knows(conversation):
            return
        try:
            await self._do(work)
        except sa.exc.IntegrityError:
            return  # another worker was first

    async def knows(self, conversation: str) -> bool:
        """See :meth:`Journal.knows`."""
        row = _conversations
        return await self._do(
            lambda db: db.execute(sa.select(row.c.last).where(self._where(row, conversation))).first() is not None
        )

    def _append(self, db: Connection, conversation: str, entries: Sequence[Entry]) -> None:
        """Give each entry the next sequence number; the update first takes the lock that keeps the numbers apart."""
        where = self._where(_conversations, conversation)
        table = _conversations
        if not db.execute(table.update().where(where).values(last=table.c.last + len(entries))).rowcount:
            raise UnknownConversation
        last = db.execute(sa.select(table.c.last).where(where)).scalar_one()
        for seq, entry in enumerate(entries, last - len(entries) + 1):
            row = self._key(conversation, seq=seq, reply_to=entry.get("reply_to"), body=entry)
            db.execute(_entries.insert().values(row))

    def _offer(self, db: Connection, conversation: str, options: Sequence[Option]) -> None:
        for option in options:
            db.execute(_options.insert().values(self._key(conversation, token=option.token, text=option.text)))
        texts = [option.text for option in options]
        db.execute(_conversations.update().where(self._where(_conversations, conversation)).values(options=texts))

    async def accept(
        self,
        conversation: str,
        event: str,
        payload: dict[str, Any],
        entry: Entry | None = None,
        lease: float | None = None,
    ) -> Claim:
        """See :meth:`Journal.accept`."""
        payload, entry = _masked(payload), _masked(entry) if entry else None

        def begin(db: Connection) -> None:
            now = _now(db)
            self._append(db, conversation, [entry] if entry else [])
            row = self._key(conversation, event=event, done=False, since=now, tries=0, payload=payload)
            db.execute(_events.insert().values(row))

        def again(db: Connection) -> Claim:
            now = _now(db)
            left = now - (LEASE if lease is None else lease)
            where = self._where(_events, conversation, event=event)
            if not db.execute(sa.select(_events.c.event).where(where, ~_events.c.done)).first():
                return Claim.DONE
            stale = _events.update().where(where, ~_events.c.done, _events.c.since < left).values(since=now)
            return Claim.AGAIN if db.execute(stale).rowcount else Claim.RUNNING

        try:
            await self._do(begin)
        except sa.exc.IntegrityError:
            return await self._do(again)
        return Claim.NEW

    async def finish(
        self,
        conversation: str,
        event: str,
        entries: Sequence[Entry] = (),
        options: Sequence[Option] = (),
        parcels: Sequence[dict[str, Any]] = (),
        anew: bool = False,
    ) -> bool:
        """See :meth:`Journal.finish`."""

        def work(db: Connection) -> bool:
            where = self._where(_events, conversation, event=event)
            done = _events.update().where(where, ~_events.c.done).values(done=True, payload=None)
            if not db.execute(done).rowcount:
                return False
            if anew:
                self._begin_anew(db, conversation, event)
            self._append(db, conversation, entries)
            self._offer(db, conversation, options)
            for body in parcels:
                row = {"id": uuid.uuid4().hex, "state": "waiting", "next_try": 0.0, "tries": 0, "body": body}
                db.execute(_parcels.insert().values(self._key(conversation, **row)))
            return True

        finished = await self._do(work)
        if anew:
            await self._do(checkpoint)
        return finished

    def _begin_anew(self, db: Connection, conversation: str, event: str) -> None:
        for table in (_entries, _options, _forgets):
            db.execute(table.delete().where(self._where(table, conversation)))
        db.execute(_parcels.delete().where(self._where(_parcels, conversation, state="failed")))
        answered = self._where(_events, conversation, done=True)
        db.execute(_events.delete().where(answered, _events.c.event != event))
        values = {"opened": time.time(), "last": 0, "options": [], "notes": {}}
        db.execute(_conversations.update().where(self._where(_conversations, conversation)).values(**values))

    async def history(self, conversation: str, after: int = 0, reply_to: str | None = None) -> list[Entry]:
        """See :meth:`Journal.history`."""
        where = [self._where(_entries, conversation), _entries.c.seq > after]
        if reply_to is not None:
            where.append(_entries.c.reply_to == reply_to)
        query = sa.select(_entries.c.seq, _entries.c.body).where(*where).order_by(_entries.c.seq)
        rows = await self._do(lambda db: db.execute(query).all())
        return [{"seq": seq, **body} for seq, body in rows]

    async def option(self, conversation: str, token: str) -> str | None:
        """See :meth:`Journal.option`."""
        query = sa.select(_options.c.text).where(self._where(_options, conversation, token=token))
        return await self._do(lambda db: db.execute(query).scalar())

    async def last_options(self, conversation: str) -> list[str]:
        """See :meth:`Journal.last_options`."""
        query = sa.select(_conversations.c.options).where(self._where(_conversations, conversation))
        return list(await self._do(lambda db: db.execute(query).scalar()) or ())

    async def notes(self, conversation: str) -> dict[str, Any]:
        """See :meth:`Journal.notes`."""
        query = sa.select(_conversations.c.notes).where(self._where(_conversations, conversation))
        return dict(await self._do(lambda db: db.execute(query).scalar()) or {})

    async def note(self, conversation: str, **changes: Any) -> None:
        """See :meth:`Journal.note`."""
        where = self._where(_conversations, conversation)

        def work(db: Connection) -> None:
            # The first update takes the row's lock, so that no other change comes between.
            db.execute(_conversations.update().where(where).values(last=_conversations.c.last))
            kept = db.execute(sa.select(_conversations.c.notes).where(where)).scalar() or {}
            db.execute(_conversations.update().where(where).values(notes={**kept, **changes}))

        await self._do(work)

    async def abandoned(self, limit: int = 20) -> list[Event]:
        """See :meth:`Journal.abandoned`."""

        def work(db: Connection) -> list[Event]:
            now = _now(db)
            stale = sa.and_(_events.c.channel == self._channel, ~_events.c.done, _events.c.since < now - LEASE)
            rows = db.execute(sa.select(_events).where(stale).order_by(_events.c.since).limit(limit)).all()
            mine = []
            for row in rows:
                one = sa.and_(self._where(_events, row.conversation, event=row.event), _events.c.since == row.since)
                again = {"since": now, "tries": row.tries + 1}
                if db.execute(_events.update().where(one, ~_events.c.done).values(**again)).rowcount:
                    mine.append(Event(row.conversation, row.event, dict(row.payload or {}), row.tries + 1))
            return mine

        return await self._do(work)

    async def renew(self, events: Sequence[tuple[str, str]]) -> None:
        """See :meth:`Journal.renew`."""

        def work(db: Connection) -> None:
            these = sa.tuple_(_events.c.conversation, _events.c.event).in_(events)
            where = (_events.c.channel == self._channel, ~_events.c.done, these)
            db.execute(_events.update().where(*where).values(since=_now(db)))

        await self._do(work)

    async def due(self, conversation: str | None = None, limit: int = 50) -> list[Parcel]:
        """See :meth:`Journal.due`."""

        def work(db: Connection) -> list[Parcel]:
            now = _now(db)
            table = _parcels
            waiting = sa.and_(table.c.channel == self._channel, table.c.state == "waiting")
            if conversation is not None:
                waiting = sa.and_(waiting, table.c.conversation == conversation)
            first = sa.select(sa.func.min(table.c.number)).where(waiting).group_by(table.c.conversation)
            query = sa.select(table).where(table.c.number.in_(first), table.c.next_try <= now)
            mine = []
            for row in db.execute(query.order_by(table.c.number).limit(limit)).all():
                one = sa.and_(table.c.number == row.number, table.c.next_try == row.next_try)
                if db.execute(table.update().where(one).values(next_try=now + LEASE)).rowcount:
                    mine.append(Parcel(row.id, row.conversation, dict(row.body), row.tries))
            return mine

        return await self._do(work)

    async def sent(self, parcel: str) -> None:
        """See :meth:`Journal.sent`."""
        await self._do(lambda db: db.execute(_parcels.delete().where(_parcels.c.id == parcel)))

    async def failed(self, parcel: str, reason: str, again_in: float | None) -> None:
        """See :meth:`Journal.failed`."""
        values: dict[str, Any] = {"tries": _parcels.c.tries + 1, "reason": reason}
        if again_in is None:
            values.update(state="failed", body=None)

        def work(db: Connection) -> None:
            if again_in is not None:
                values["next_try"] = _now(db) + again_in
            db.execute(_parcels.update().where(_parcels.c.id == parcel).values(**values))

        await self._do(work)

    async def lost(self, conversation: str, reason: str) -> None:
        """See :meth:`Journal.lost`."""
        row = {"id": uuid.uuid4().hex, "state": "failed", "next_try": 0.0, "tries": 1, "reason": reason}
        await self._do(lambda db: db.execute(_parcels.insert().values(self._key(conversation, **row))))

    async def undeliverable(self) -> list[tuple[str, str]]:
        """See :meth:`Journal.undeliverable`."""
        table = _parcels
        where = (table.c.channel == self._channel, table.c.state == "failed")
        query = sa.select(table.c.conversation, table.c.reason).where(*where).order_by(table.c.number)
        return [(row.conversation, row.reason) for row in await self._do(lambda db: db.execute(query).all())]

    async def forget(self, conversation: str, by: str = "") -> None:
        """See :meth:`Journal.forget`."""

        def work(db: Connection) -> None:
            for table in (_conversations, _entries, _options, _parcels, _forgets):
                db.execute(table.delete().where(self._where(table, conversation)))
            mark = self._where(_events, conversation, event=by)
            db.execute(_events.delete().where(self._where(_events, conversation), _events.c.event != by))
            db.execute(_events.update().where(mark).values(done=True, payload=None))
            db.execute(_forgets.insert().values(self._key(conversation, since=time.time())))

        await self._do(work)
        await self._do(checkpoint)

    async def ended_by(self, conversation: str, event: str) -> bool:
        """See :meth:`Journal.ended_by`."""
        there = sa.exists().where(self._where(_conversations, conversation))
        mark = sa.select(_events.c.event).where(self._where(_events, conversation, event=event, done=True), ~there)
        return await self._do(lambda db: db.execute(mark).first() is not None)

    async def idle(self, before: float) -> list[str]:
        """See :meth:`Journal.idle`."""
        table, event = _conversations, _events
        same = sa.and_(event.c.channel == table.c.channel, event.c.conversation == table.c.conversation)
        latest = sa.func.coalesce(sa.select(sa.func.max(event.c.since)).where(same).scalar_subquery(), table.c.opened)
        query = sa.select(table.c.conversation).where(table.c.channel == self._channel, latest < before)
        return await self._do(lambda db: list(db.execute(query).scalars()))

    async def trim(self, before: float, dry: bool = False) -> int:
        """See :meth:`Journal.trim`."""
        moment = datetime.fromtimestamp(before, UTC).isoformat(timespec="milliseconds")
        said = sa.and_(_entries.c.channel == self._channel, _entries.c.body["at"].as_string() < moment)
        done = sa.and_(_events.c.channel == self._channel, _events.c.done, _events.c.since < before)

        def work(db: Connection) -> int:
            if dry:
                return int(db.execute(sa.select(sa.func.count()).select_from(_entries).where(said)).scalar_one())
            db.execute(_events.delete().where(done))
            return int(db.execute(_entries.delete().where(said)).rowcount)

        trimmed = await self._do(work)
        await self._do(checkpoint)
        return trimmed

    async def to_forget(self) -> list[str]:
        """See :meth:`Journal.to_forget`."""
        query = sa.select(_forgets.c.conversation).where(_forgets.c.channel == self._channel)
        return [row.conversation for row in await self._do(lambda db: db.execute(query).all())]

    async def forgotten(self, conversation: str) -> None:
        """See :meth:`Journal.forgotten`."""
        await self._do(lambda db: db.execute(_forgets.delete().where(self._where(_forgets, conversation))))
