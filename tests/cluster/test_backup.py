"""The commands of docs/operations.md for backing up and restoring, on real data, into an empty place."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SessionStarted, UserUttered

from bot import escalations
from bot.channels.journal import Claim, Option, SqlJournal
from bot.escalations import Escalation, Outbox
from bot.runtime import migrate
from bot.stores.tracker import SqlTrackers
from bot.team.records import Records
from bot.unanswered import Unanswered
from tests.cluster.conftest import make_database

DOCUMENT = Path("docs/operations.md")
FEVER = Escalation("message-1", "0123456789abcdef", "urgent", ("fever",), "web", "home")


def commands(name: str) -> str:
    """The shell commands under a marker of the document."""
    found = re.search(rf"<!-- {name} -->\n```(?:sh|sql)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"docs/operations.md has no commands marked {name}"
    return found[1]


def run(script: str, **variables: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


async def fill(trackers: str, journal: str, outbox: str) -> None:
    store = SqlTrackers(Domain.empty(), host=trackers)
    tracker = await store.get_or_create_tracker("web-anna", append_action_listen=False)
    tracker.update(SessionStarted())
    tracker.update(UserUttered("is coffee ok?"))
    await store.save(tracker)
    book = SqlJournal("web", journal)
    await book.open("anna", [{"id": "greeting", "from": "bot", "text": "Hello"}], [Option("token", "Coffee")])
    await book.accept("anna", "event-0001", {}, {"id": "event-0001", "from": "patient", "text": "is coffee ok?"})
    await book.finish("anna", "event-0001", [{"id": "reply", "from": "bot", "text": "Yes", "reply_to": "event-0001"}])
    Outbox(outbox).record(FEVER)
    await store.database.close()


async def check(trackers: str, journal: str, outbox: str) -> None:
    """A companion on the restored data goes on as if nothing had happened, and can write."""
    store = SqlTrackers(Domain.empty(), host=trackers)
    tracker = await store.retrieve("web-anna")
    assert tracker is not None
    assert [event.text for event in tracker.events if isinstance(event, UserUttered)] == ["is coffee ok?"]
    tracker.update(UserUttered("and tea?"))
    await store.save(tracker)
    assert not store.database.away
    book = SqlJournal("web", journal)
    assert [entry["id"] for entry in await book.history("anna")] == ["greeting", "event-0001", "reply"]
    assert await book.option("anna", "token") == "Coffee"
    assert await book.accept("anna", "event-0001", {}) is Claim.DONE, "a repeat after the restore is no new message"
    assert await book.accept("anna", "event-0002", {}, {"id": "event-0002", "from": "patient"}) is Claim.NEW
    restored = Outbox(outbox)
    assert restored.counts() == {"pending": 1}
    restored.record(FEVER)
    assert restored.counts() == {"pending": 1}
    restored.record(Escalation("message-2", "0123456789abcdef", "soon", ("fever",), "web", "home"))
    assert restored.counts() == {"pending": 2}
    assert restored.deliver([], lambda *_: True) == 2
    await store.database.close()


def test_postgresql_is_backed_up_and_restored_into_an_empty_database(postgres: str, tmp_path: Path) -> None:
    if not shutil.which("pg_dump"):
        pytest.skip("pg_dump is missing (apt-get install postgresql-client)")
    asyncio.run(fill(postgres, postgres, postgres))
    name = f"il2_test_{uuid.uuid4().hex[:12]}"
    empty = postgres.rpartition("/")[0] + f"/{name}"
    make_database(empty)
    try:
        backup = str(tmp_path / "il2.dump")
        run(commands("backup-postgresql"), DATABASE_URL=postgres, BACKUP=backup)
        run(commands("restore-postgresql"), DATABASE_URL=empty, BACKUP=backup)
        asyncio.run(check(empty, empty, empty))
    finally:
        engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def test_the_files_of_one_machine_are_backed_up_while_it_writes_and_restored(tmp_path: Path) -> None:
    live, restored = tmp_path / "live", tmp_path / "restored"
    (live / "var").mkdir(parents=True)
    (restored / "var").mkdir(parents=True)
    (live / "var" / "secret").write_bytes(b"the key")
    (live / ".venv" / "bin").mkdir(parents=True)
    python = Path(os.path.abspath(".venv/bin/python"))  # noqa: PTH100 - the link itself, not what it points to
    (live / ".venv" / "bin" / "python").symlink_to(python)
    addresses = [f"sqlite:///{live}/var/{name}.db" for name in ("conversations", "journal", "escalations")]
    asyncio.run(fill(*addresses))
    writing = sqlite3.connect(live / "var" / "journal.db")
    writing.execute("BEGIN")
    writing.execute("SELECT count(*) FROM entries").fetchone()
    run(f"cd {live}\n{commands('backup-files')}", BACKUP=str(tmp_path / "backup"))
    writing.close()
    run(f"cd {restored}\n{commands('restore-files')}", BACKUP=str(tmp_path / "backup"))
    assert (restored / "var" / "secret").read_bytes() == b"the key"
    asyncio.run(check(*(address.replace(str(live), str(restored)) for address in addresses)))


def test_the_log_of_the_database_can_be_kept_free_of_statements(postgres: str) -> None:
    name = sa.engine.make_url(postgres).database
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        for statement in filter(str.strip, commands("quiet").replace("il2", str(name)).split(";")):
            db.execute(sa.text(statement))
    engine.dispose()
    engine = sa.create_engine(postgres)
    with engine.connect() as db:
        assert db.execute(sa.text("SHOW log_min_error_statement")).scalar() == "panic"
        assert db.execute(sa.text("SHOW log_error_verbosity")).scalar() == "terse"
    engine.dispose()


def test_migrating_twice_changes_nothing_and_a_newer_database_is_refused(postgres: str) -> None:
    parts = [(part, postgres) for part, _ in migrate.addresses()]
    assert all(migrate.migrate(parts).values())
    assert set(migrate.migrate(parts).values()) == {0}
    engine = sa.create_engine(postgres)
    with engine.begin() as db:
        db.execute(sa.text("UPDATE schema_versions SET version = 99 WHERE part = 'journal'"))
    engine.dispose()
    with pytest.raises(migrate.NewerSchema, match="journal has version 99"):
        migrate.migrate(parts)


def test_workers_that_start_at_once_make_the_tables_together(postgres: str) -> None:
    async def start() -> list[Any]:
        stores = [SqlTrackers(Domain.empty(), host=postgres) for _ in range(4)]
        return await asyncio.gather(*(store.retrieve("nobody") for store in stores))

    assert asyncio.run(start()) == [None] * 4


def test_a_worker_without_the_right_to_make_tables_runs_on_migrated_ones(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.migrate([(part, postgres) for part, _ in migrate.addresses()])
    role = f"il2_worker_{uuid.uuid4().hex[:8]}"
    admin = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(sa.text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
        db.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        for grant in commands("grants").replace("il2_worker", role).split(";"):
            if grant.strip():
                db.execute(sa.text(grant))
    try:
        address = sa.engine.make_url(postgres).set(username=role, password=None).render_as_string(False)
        asyncio.run(fill(address, address, address))
        assert escalations.Outbox(address).counts() == {"pending": 1}
        monkeypatch.setenv("IL2_SECRET", "secret of the tests")
        Records(address).note("anna", "clinician", "saw")
        Unanswered(address).keep("hash", "web", "out_of_scope", "kiwi")
        with pytest.raises(sa.exc.ProgrammingError):
            sa.create_engine(address).execute("CREATE TABLE intruder (id int)")
    finally:
        with admin.connect() as db:
            db.execute(sa.text(f"DROP OWNED BY {role}"))
            db.execute(sa.text(f"DROP ROLE {role}"))
        admin.dispose()
