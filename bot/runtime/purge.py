"""``python -m bot.runtime.purge [--dry-run] [--days 30]``: remove what is older than it may be kept.

Conversations in which nothing has happened for so long go as a whole, from the journal and from the tracker store; of
the others go the sessions and messages that are older. Escalations go as well, but for those that nobody has taken yet.
The supervisor does this once a day; in a cluster a scheduled job does. What was removed is told in one line, as counts.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

from bot import logs, secret, unanswered
from bot.runtime import without_tensorflow

without_tensorflow.install()

from bot.channels.erase import erase  # noqa: E402
from bot.channels.journal import Journal, SqlJournal  # noqa: E402
from bot.channels.rest import RestInput  # noqa: E402
from bot.channels.web import WebInput, sender_of  # noqa: E402
from bot.escalations import Outbox  # noqa: E402
from bot.runtime.check_credentials import CHANNELS  # noqa: E402
from bot.stores.database import Unavailable  # noqa: E402
from bot.stores.tracker import SqlTrackers  # noqa: E402

logger = logging.getLogger("bot.runtime.purge")  # run as a command it has another name

DAYS = "IL2_RETENTION_DAYS"
DEFAULT_DAYS = 30
DAY = 86_400.0


class PurgeError(Exception):
    """Nothing can be removed; the text says why."""


@dataclass
class Counts:
    """What was removed, or would be."""

    conversations: int = 0
    events: int = 0
    messages: int = 0
    escalations: int = 0
    questions: int = 0


async def purge(
    days: int,
    store: SqlTrackers,
    journals: dict[str, Journal],
    outbox: Outbox,
    dry: bool = False,
    now: float | None = None,
) -> Counts:
    """Remove what is older than some days from the stores."""
    before = (now or time.time()) - days * DAY
    counts = Counts(events=await store.trim(before, dry))
    for journal in journals.values():
        counts.messages += await journal.trim(before, dry)
    gone: set[str] = set()
    for channel, journal in journals.items():
        for conversation in dict.fromkeys([*await journal.to_forget(), *await journal.idle(before)]):
            sender = sender_of(conversation) if channel == WebInput.name() else conversation
            # REST's journal knows only the messages that have an id; the conversation may still be used without.
            whole = channel != RestInput.name()
            gone |= {sender} if whole else set()
            if not dry:
                await journal.forget(conversation)
                if whole:
                    await erase(store, sender)
                await journal.forgotten(conversation)
    for sender in await store.idle(before):
        gone.add(sender)
        if not dry:
            await erase(store, sender)
    counts.conversations = len(gone)
    counts.escalations = outbox.purge(datetime.fromtimestamp(before, UTC), dry)
    questions = unanswered.kept_before()
    counts.questions = questions.purge(before, timedelta(0), dry) if questions else 0
    return counts


def tracker_store(endpoints: Path) -> SqlTrackers:
    """The tracker store of an endpoints file; of its other entries nothing is needed here.

    Raises:
        PurgeError: when there is none that can say what is old.
    """
    try:
        named = yaml.safe_load(endpoints.read_text(encoding="utf-8"))["tracker_store"]
        kind, url = named["type"], os.path.expandvars(named["url"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise PurgeError(f"{endpoints} names no tracker store with an address.") from None
    if kind != f"{SqlTrackers.__module__}.{SqlTrackers.__name__}":
        raise PurgeError(f"the tracker store of {endpoints} cannot say what is old.")
    if "${" in url:
        raise PurgeError(f"{url} of {endpoints} is not set.")
    return SqlTrackers(host=url)


def main(arguments: list[str] | None = None) -> int:
    """Remove, and tell the counts as a line of the log."""
    parser = argparse.ArgumentParser(description="Remove what is older than it may be kept.")
    parser.add_argument("--days", type=int, default=int(os.environ.get(DAYS, DEFAULT_DAYS)), help="days that are kept")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    chosen = parser.parse_args(arguments)
    if chosen.days < 1:
        parser.error("keep at least one day")
    secret.keep_to_this_user()
    logs.guard()
    logs.write()
    names = (WebInput.name(), RestInput.name(), *(channel.name() for channel in CHANNELS))
    journals: dict[str, Journal] = {name: SqlJournal(name) for name in names}
    try:
        store = tracker_store(Path(os.environ.get("IL2_ENDPOINTS", "endpoints.yml")))
        logs.a_patient_is_heard()
        counts = asyncio.run(purge(chosen.days, store, journals, Outbox(), chosen.dry_run))
    except (PurgeError, Unavailable) as error:
        print(f"Not purged: {error}", file=sys.stderr)
        return 1
    logger.info("counted" if chosen.dry_run else "purged", extra={logs.TURN: {"days": chosen.days, **asdict(counts)}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
