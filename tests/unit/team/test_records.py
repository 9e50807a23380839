"""Statuses, and the audit log that shows when somebody has changed it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot import database
from bot.team import records as module
from bot.team.records import Records, Status, key_of


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
    engine = database.engine(records._address, module._meta)
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
