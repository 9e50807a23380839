"""The questions that got no answer, masked, for the care team to label (bot/team): kept only while the team page is on.

A row holds the time, the conversation's hash, the channel, why there was no answer, and the masked words. It goes after
:data:`KEPT`, or when the patient deletes the conversation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.masking import mask
from bot.stores import database
from bot.stores.schema import Part

DEFAULT = "sqlite:///var/team.db"
KEPT = timedelta(days=30)
LONGEST = 500
"""Characters of a question that are kept."""
OFFERED = "offered_choices"
"""The reason of a turn that only offered topics to choose from; other reasons are those of the reply metadata."""
NOT_KEPT = ("technical",)
"""Reasons that say nothing of the question."""

_meta = sa.MetaData()
_table = sa.Table(
    "unanswered",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("conversation", sa.String(64), nullable=False, index=True),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("label", sa.String(128)),
    sa.Column("labelled_by", sa.String(128)),
)


def _make(db: Connection) -> None:
    _meta.create_all(db)


TABLES = Part("questions", (_make,))


@dataclass(frozen=True)
class Question:
    """A question that got no answer; ``label`` is the intent that somebody found for it."""

    id: int
    at: float
    conversation: str
    channel: str
    reason: str
    text: str
    label: str | None
    labelled_by: str | None


def address() -> str:
    """``IL2_TEAM_DB`` as a SQLAlchemy address, or a SQLite file: the database of the team page."""
    return os.environ.get("IL2_TEAM_DB") or DEFAULT


def wanted() -> bool:
    """Whether there is a team page that shows the questions; without one none is kept."""
    return bool(os.environ.get("IL2_TEAM"))


def kept_before() -> Unanswered | None:
    """The questions of a time when the page was on, for somebody who deletes a conversation after it; None without."""
    url = sa.engine.make_url(address())
    here = url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
    return Unanswered() if here else None


def reason(replies: Sequence[dict[str, Any]]) -> str | None:
    """Why a turn gave no answer, or None: it gave one, it was an emergency, or nothing was asked."""
    metadata = {key: value for reply in replies for key, value in (reply.get("custom") or {}).items()}
    why = (metadata.get("referral") or {}).get("reason")
    if not why or why in NOT_KEPT or "answer" in metadata or "escalation" in metadata:
        return None
    offered = why == "not_understood" and any(reply.get("buttons") for reply in replies)
    return OFFERED if offered else str(why)


class Unanswered:
    """The questions in a database."""

    def __init__(self, where: str | None = None) -> None:
        """Name the database; it is opened at the first use."""
        self._address = where or address()

    def _begin(self) -> Any:
        return database.opened(self._address, TABLES).begin()

    def keep(self, conversation: str, channel: str, why: str, text: str, now: float | None = None) -> None:
        """Keep a question, masked, and drop what is too old."""
        moment = time.time() if now is None else now
        row = {"at": moment, "conversation": conversation, "channel": channel, "reason": why}
        with self._begin() as db:
            db.execute(_table.insert().values(text=mask(text)[:LONGEST], **row))
        self.purge(moment)

    def find(self, why: str = "", labelled: bool | None = None, limit: int = 200) -> list[Question]:
        """Questions, newest first; of one reason, and with or without a label."""
        query = sa.select(_table).order_by(_table.c.at.desc(), _table.c.id.desc()).limit(limit)
        if why:
            query = query.where(_table.c.reason == why)
        if labelled is not None:
            query = query.where(_table.c.label.isnot(None) if labelled else _table.c.label.is_(None))
        with self._begin() as db:
            return [Question(**row) for row in db.execute(query).mappings()]

    def get(self, number: int) -> Question | None:
        """The question of that number."""
        with self._begin() as db:
            row = db.execute(sa.select(_table).where(_table.c.id == number)).mappings().first()
            return Question(**row) if row else None

    def counts(self) -> dict[str, int]:
        """How many questions without a label there are, by reason."""
        query = sa.select(_table.c.reason, sa.func.count()).where(_table.c.label.is_(None)).group_by(_table.c.reason)
        with self._begin() as db:
            return {str(why): int(number) for why, number in db.execute(query.order_by(_table.c.reason))}

    def label(self, number: int, label: str | None, by: str) -> bool:
        """Give a question its label, or take it away; False when the question is gone."""
        values = {"label": label, "labelled_by": by if label else None}
        with self._begin() as db:
            return bool(db.execute(_table.update().where(_table.c.id == number).values(**values)).rowcount)

    def forget(self, conversation: str) -> int:
        """Remove the questions of a conversation (its hash); returns how many there were."""
        return self._remove(_table.c.conversation == conversation)

    def remove(self, number: int) -> bool:
        """Remove one question; False when it is gone already."""
        return bool(self._remove(_table.c.id == number))

    def purge(self, now: float | None = None, kept: timedelta = KEPT, dry: bool = False) -> int:
        """Remove what is older than it may be; returns how many there were (``dry``: only count)."""
        old = _table.c.at < (time.time() if now is None else now) - kept.total_seconds()
        if not dry:
            return self._remove(old)
        with self._begin() as db:
            return int(db.execute(sa.select(sa.func.count()).select_from(_table).where(old)).scalar_one())

    def _remove(self, which: Any) -> int:
        with self._begin() as db:
            gone = int(db.execute(_table.delete().where(which)).rowcount)
        if gone:
            with self._begin() as db:
                database.checkpoint(db)
        return gone
