"""Reads what the stores hold, in SQLite or PostgreSQL, beside the running system."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tests.faults.history import Stored


def _rows(address: str, table: str, *columns: str, order: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
    with engine.connect() as db:
        if not sa.inspect(db).has_table(table):
            return []
        found = db.execute(sa.text(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"))
        return [tuple(row) for row in found]


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def read(journal: str, tracker: str, outbox: str, alerts: list[tuple[str, str]]) -> Stored:
    """All stores; an empty address leaves one out."""
    stored = Stored(alerts=list(alerts))
    if journal:
        entries = _rows(journal, "entries", "conversation", "seq", "body", order="conversation, seq")
        stored.journal = [(where, seq, _loaded(body)) for where, seq, body in entries]
        events = _rows(journal, "events", "conversation", "event", "done", order="since")
        stored.unfinished = [(where, event) for where, event, done in events if not done]
    if tracker:
        rows = _rows(tracker, "conversation_events", "conversation", "type", "data", order="conversation, seq")
        rows = rows or _rows(tracker, "events", "sender_id", "type_name", "data", order="id")
        for sender, kind, data in rows:
            if kind == "user":
                event = _loaded(data)
                stored.tracker.append((sender, str(event.get("message_id") or ""), str(event.get("text") or "")))
    if outbox:
        stored.outbox = _rows(outbox, "escalations", "conversation", "message_id", "status", order="id")
    return stored
