"""Statuses, and the audit log that shows when somebody has changed it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot import unanswered
from bot.runtime import migrate
from bot.stores import database
from bot.stores.schema import NewerSchema
from bot.team import records as module
from bot.team.records import Records, Status, key_of
from bot.unanswered import Unanswered


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    if request.param == "sqlite":
        yield Records(f"sqlite:///{tmp_path}/team.db")
        return
    server = "postgresql://postgres@127.0.0.1:5432/test?connect_timeout=3"
    schema = f"team_{uuid.uuid4().hex}"
    try:
        made = sa.create_engine(server)
        with made.begin() as db:
            db.execute(sa.text(f"CREATE SCHEMA {schema}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        pytest.skip("PostgreSQL does not answer at 127.0.0.1:5432; get it with: sudo apt-get install postgresql")
    yield Records(f"{server}&options=-csearch_path%3D{schema}")
    with made.begin() as db:
        db.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))


def test_the_last_status_counts_and_says_who_and_when(records: Records) -> None:
    one, other = key_of("a", "1"), key_of("a", "2")
    assert records.last([one, other]) == {}
    records.set(one, Status.CALLED_BACK, "anna")
    records.set(one, Status.CLOSED, "bob")
    found = records.last([one, other])
    assert set(found) == {one}
    assert (found[one].status, found[one].by) == (Status.CLOSED, "bob")
    assert records.last([]) == {}


def test_an_escalation_has_one_name_of_its_own() -> None:
    assert len({key_of("a", "1"), key_of("a", "2"), key_of("b", "1"), key_of("a1", ""), key_of("", "a1")}) == 5
    assert key_of("a", "1") == key_of("a", "1")


def test_lines_of_many_writers_form_one_chain(records: Records) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: records.note("anna", "auditor", "saw", str(n)), range(20)))
    lines = records.lines()
    assert [line.seq for line in lines] == list(range(20, 0, -1))
    assert {line.what for line in lines} == {str(n) for n in range(20)}
    assert records.broken() is None


def test_the_database_refuses_to_change_or_remove_a_line(records: Records) -> None:
    records.note("anna", "clinician", "saw", "1")
    engine = database.opened(records._address, module.TABLES)
    for statement in ("UPDATE audit SET who = 'eve'", "DELETE FROM audit"):
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as db:
            db.execute(sa.text(statement))
    assert records.lines()[0].who == "anna"


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        ("UPDATE audit SET who = 'eve' WHERE seq = 2", 2),
        ("UPDATE audit SET at = at - 60 WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET seq = 9 WHERE seq = 2", 2),
        ("UPDATE audit SET mac = (SELECT mac FROM audit WHERE seq = 1) WHERE seq = 4", 4),
    ],
)
def test_a_line_that_was_changed_all_the_same_is_found(
    tamper: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    records = Records(f"sqlite:///{tmp_path}/team.db")
    for number in range(4):
        records.note("anna", "clinician", "saw", str(number))
    assert records.broken() is None
    with sqlite3.connect(tmp_path / "team.db") as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("DROP TRIGGER audit_no_delete")
        db.execute(tamper)
    assert records.broken() == line


OLD = """
CREATE TABLE audit (seq INTEGER NOT NULL, at FLOAT NOT NULL, who VARCHAR(128) NOT NULL, role VARCHAR(16) NOT NULL,
    did VARCHAR(32) NOT NULL, what VARCHAR(256) NOT NULL, mac VARCHAR(64) NOT NULL, PRIMARY KEY (seq));
INSERT INTO audit VALUES(1,1.79539144038590836528e+09,'anna','clinician','saw','1',
    'de766ca8827af802c189d43c5404ceac1e16bbf3257c5cfdba4500c671fa6c94');
INSERT INTO audit VALUES(2,1.79539144042497015004e+09,'bob','auditor','exported','',
    '30b3b634f940a64eba3171362aeea70a21bd58016af908db8c715bd9741c0b2f');
CREATE TABLE escalation_status (id INTEGER NOT NULL, escalation VARCHAR(64) NOT NULL, status VARCHAR(16) NOT NULL,
    "by" VARCHAR(128) NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (id));
INSERT INTO escalation_status VALUES(1,'4f395a2e9ea1c0680348','called back','anna',1.79539144027781224252e+09);
CREATE TABLE unanswered (id INTEGER NOT NULL, at FLOAT NOT NULL, conversation VARCHAR(64) NOT NULL,
    channel VARCHAR(32) NOT NULL, reason VARCHAR(64) NOT NULL, text TEXT NOT NULL, label VARCHAR(128),
    labelled_by VARCHAR(128), PRIMARY KEY (id));
INSERT INTO unanswered VALUES(1,1790000000.0,'hash','web','out_of_scope','can i eat kiwi?','faq/x','anna');
CREATE INDEX ix_escalation_status_escalation ON escalation_status (escalation);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit only grows'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit only grows'); END;
CREATE INDEX ix_unanswered_conversation ON unanswered (conversation);
CREATE INDEX ix_unanswered_at ON unanswered (at);
"""
"""A file as it was made before its tables had versions."""


def test_a_file_from_before_versions_is_taken_over_with_all_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IL2_SECRET", "secret of the tests")
    with sqlite3.connect(tmp_path / "team.db") as db:
        db.executescript(OLD)
    address = f"sqlite:///{tmp_path}/team.db"
    for migrated in ({"team": 1, "questions": 1}, {"team": 0, "questions": 0}):
        parts = [(part, address) for part in (module.TABLES, unanswered.TABLES)]
        assert migrate.migrate(parts) == migrated
    records = Records(address)
    assert [(line.seq, line.who) for line in records.lines()] == [(2, "bob"), (1, "anna")]
    assert records.last([key_of("a", "1")])[key_of("a", "1")].status is Status.CALLED_BACK
    (question,) = Unanswered(address).find()
    assert (question.text, question.label) == ("can i eat kiwi?", "faq/x")
    records.note("anna", "clinician", "saw", "2")
    assert records.broken() is None
    with sqlite3.connect(tmp_path / "team.db") as db:
        assert dict(db.execute("SELECT part, version FROM schema_versions")) == {"team": 1, "questions": 1}
        with pytest.raises(sqlite3.IntegrityError, match="audit only grows"):
            db.execute("DELETE FROM audit")


def test_a_database_of_a_newer_page_is_left_alone(records: Records) -> None:
    records.note("anna", "clinician", "saw", "1")
    with database.opened(records._address, module.TABLES).begin() as db:
        db.execute(sa.text("UPDATE schema_versions SET version = 99 WHERE part = 'team'"))
    with pytest.raises(NewerSchema):
        records.lines()


def test_a_deletion_is_asked_for_once_and_settled_once(records: Records) -> None:
    assert records.wish("question", "7", "anna")
    assert not records.wish("question", "7", "bob")
    assert records.wish("escalation", "7", "bob")
    assert [(one.kind, one.which, one.by) for one in records.wishes()] == [
        ("question", "7", "anna"),
        ("escalation", "7", "bob"),
    ]
    wish = records.wished("question", "7")
    assert wish is not None
    assert records.settle(wish)
    assert not records.settle(wish)
    assert records.wished("question", "7") is None
    assert records.wished("escalation", "7") is not None
