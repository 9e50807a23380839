"""The tables of the tracker store and of the events that go out, and how they came to be."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.stores.schema import Part

_meta = sa.MetaData()
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

conversation_events = sa.Table(
    "conversation_events",
    _meta,
    sa.Column("conversation", sa.String(255), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    # The number of the event that began the session: the current session is read without a search.
    sa.Column("session", sa.Integer, nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("data", sa.Text, nullable=False),
)
outgoing_events = sa.Table(
    "outgoing_events",
    _meta,
    sa.Column("number", _number, primary_key=True, autoincrement=True),
    sa.Column("conversation", sa.String(255), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)


def _make(db: Connection) -> None:
    _meta.create_all(db)


def _take_over(db: Connection) -> None:
    """Take over what Rasa's own SQL store has kept, and remove it there: a deletion looks in one place alone."""
    inspector = sa.inspect(db)
    columns = {column["name"] for column in inspector.get_columns("events")} if inspector.has_table("events") else set()
    if not {"sender_id", "type_name", "timestamp", "data"} <= columns:
        return
    db.execute(
        sa.text(
            "INSERT INTO conversation_events (conversation, seq, session, type, at, data)"
            " SELECT sender_id, seq, coalesce(max(CASE WHEN type_name = 'session_started' THEN seq END)"
            " OVER (PARTITION BY sender_id ORDER BY seq), 1), type_name, timestamp, data"
            " FROM (SELECT *, row_number() OVER (PARTITION BY sender_id ORDER BY id) AS seq FROM events) AS numbered"
            " WHERE timestamp IS NOT NULL"
        )
    )
    db.execute(sa.text("DROP TABLE events"))


CONVERSATIONS = Part("conversations", (_make, _take_over))
