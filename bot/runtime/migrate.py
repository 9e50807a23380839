"""``python -m bot.runtime.migrate``: bring every database to this version; safe to run again, and while others run.

The embedded default does the same at the start of each process. In a cluster this runs once before the workers, with
the rights to change tables that they need not have.
"""

from __future__ import annotations

import os
import sys

import sqlalchemy as sa

from bot import escalations, secret, unanswered
from bot.channels import journal
from bot.stores import database, tables
from bot.stores.schema import NewerSchema, Part
from bot.team import records

EMBEDDED = "sqlite:///var/conversations.db"
LIMIT = 3600.0
"""Seconds that a step may take."""


SHARED = (tables.CONVERSATIONS, journal.TABLES, escalations.TABLES)
"""What the workers of a cluster share; the team page's parts are where that page runs."""


def addresses() -> list[tuple[Part, str]]:
    """Each part of the data with where it is."""
    return [
        (tables.CONVERSATIONS, os.environ.get("DATABASE_URL") or EMBEDDED),
        (journal.TABLES, journal.default_address()),
        (escalations.TABLES, escalations.address()),
        (records.TABLES, unanswered.address()),
        (unanswered.TABLES, unanswered.address()),
    ]


def migrate(parts: list[tuple[Part, str]]) -> dict[str, int]:
    """Take the missing steps of each part; returns how many each took."""
    taken = {}
    with database.patience(LIMIT):
        for part, address in parts:
            engine = database.engine(address)
            try:
                taken[part.name] = part.ensure(engine)
            finally:
                engine.dispose()
    return taken


def main() -> int:
    """Migrate and say what was done."""
    secret.keep_to_this_user()
    try:
        for name, steps in migrate(addresses()).items():
            print(f"{name}: {f'{steps} steps taken' if steps else 'up to date'}")
    except (sa.exc.SQLAlchemyError, NewerSchema) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        print(f"Not migrated: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
