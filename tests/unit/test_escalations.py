"""The outbox of escalations: each is kept once, told to each target once, and says nothing of the patient."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot import escalations, secret
from bot.clinic import Clinic, ClinicError
from bot.escalations import Escalation, Outbox, conversation_hash

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
FEVER = Escalation("message-1", "0123456789abcdef", "urgent", ("fever", "chills"), "rest", "home")
PAGER, MAIL = "pager://secret-token", "mailto://user:password@clinic"


class Targets:
    """Takes alerts, except for the targets that are down."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.down: set[str] = set()

    def send(self, target: str, title: str, body: str) -> bool:
        self.sent.append((target, title, body))
        return target not in self.down

    def told(self) -> list[str]:
        return [target for target, _, _ in self.sent]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "new" / "escalations.db")


@pytest.fixture
def targets() -> Targets:
    return Targets()


def _file(outbox: Outbox) -> Path:
    return Path(str(outbox._engine.url.database))


def _rows(outbox: Outbox) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(_file(outbox))) as db:
        db.row_factory = sqlite3.Row
        return db.execute("SELECT * FROM escalations ORDER BY id").fetchall()


# -- recording -------------------------------------------------------------------------------------


def test_the_same_message_is_recorded_once(outbox: Outbox) -> None:
    outbox.record(FEVER, NOW)
    outbox.record(FEVER, NOW + timedelta(seconds=1))
    outbox.record(replace(FEVER, level="emergency"), NOW)
    assert [(row["created"], json.loads(row["record"])["level"]) for row in _rows(outbox)] == [
        ("2026-03-01T02:00:00.000+00:00", "urgent")
    ]


def test_another_message_and_another_conversation_are_records_of_their_own(outbox: Outbox) -> None:
    outbox.record(FEVER)
    outbox.record(replace(FEVER, message_id="message-2"))
    outbox.record(replace(FEVER, conversation="fedcba9876543210"))
    assert outbox.counts() == {"pending": 3}


def test_messages_without_an_id_are_all_recorded(outbox: Outbox) -> None:
    outbox.record(replace(FEVER, message_id=""))
    outbox.record(replace(FEVER, message_id="", level="emergency", symptoms=("chest_pain",)))
    assert outbox.counts() == {"pending": 2}


def test_what_is_recorded_is_there_after_a_restart(outbox: Outbox) -> None:
    outbox.record(FEVER)
    assert Outbox(_file(outbox)).counts() == {"pending": 1}


def test_a_new_outbox_is_empty(outbox: Outbox) -> None:
    assert outbox.counts() == {}


def test_the_file_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IL2_OUTBOX", str(tmp_path / "elsewhere.db"))
    Outbox().record(FEVER)
    assert (tmp_path / "elsewhere.db").is_file()


def test_several_threads_may_record_at_once(outbox: Outbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: outbox.record(replace(FEVER, message_id=str(n % 10))), range(30)))
    assert outbox.counts() == {"pending": 10}


def test_two_processes_may_record_at_once_and_agree_on_the_conversation(tmp_path: Path) -> None:
    code = (
        "from bot.escalations import Escalation, Outbox, conversation_hash\n"
        "box = Outbox()\n"
        "for n in range(10):\n"
        "    box.record(Escalation(str(n), conversation_hash('patient'), 'urgent', ('fever',), 'rest', ''))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("IL2_SECRET", None)
    environment.pop("IL2_OUTBOX", None)
    started = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert Outbox(tmp_path / "var" / "escalations.db").counts() == {"pending": 10}


def test_of_two_that_deliver_at_once_one_tells_the_target(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    other = Outbox(_file(outbox))

    def send(target: str, title: str, body: str) -> bool:
        assert other.deliver([PAGER], targets.send, NOW) == 0
        return targets.send(target, title, body)

    assert outbox.deliver([PAGER], send, NOW) == 1
    assert targets.told() == [PAGER]


def test_a_record_whose_deliverer_died_is_delivered_by_another_one(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)

    def dies(target: str, title: str, body: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.deliver([PAGER], dies, NOW)
    assert outbox.deliver([PAGER], targets.send, NOW + timedelta(seconds=1)) == 0
    assert outbox.deliver([PAGER], targets.send, NOW + escalations.LEASE) == 1
    assert targets.told() == [PAGER]


def test_an_alert_is_not_sent_twice_when_the_database_goes_away_behind_it(
    outbox: Outbox, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.stores.database.LOCKED", 0.01)
    outbox = Outbox(_file(outbox))
    outbox.record(FEVER, NOW)
    with closing(sqlite3.connect(_file(outbox), isolation_level=None)) as holder:

        def locks(target: str, title: str, body: str) -> bool:
            holder.execute("BEGIN EXCLUSIVE")
            return targets.send(target, title, body)

        with pytest.raises(sa.exc.OperationalError):
            outbox.deliver([PAGER], locks, NOW)
        holder.execute("ROLLBACK")
    assert outbox.deliver([PAGER], targets.send, NOW + escalations.LEASE) == 0
    assert targets.told() == [PAGER]
    assert outbox.counts() == {"delivered": 1}


# -- delivering ------------------------------------------------------------------------------------


def test_each_target_is_told_once(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    assert outbox.deliver([PAGER, MAIL], targets.send, NOW) == 1
    assert outbox.deliver([PAGER, MAIL], targets.send, NOW + timedelta(days=1)) == 0
    assert targets.told() == [PAGER, MAIL]
    assert outbox.counts() == {"delivered": 1}


def test_only_the_target_that_was_down_is_told_again(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    targets.down = {PAGER}
    assert outbox.deliver([PAGER, MAIL], targets.send, NOW) == 0
    assert outbox.counts() == {"pending": 1}
    targets.down = set()
    assert outbox.deliver([PAGER, MAIL], targets.send, NOW + timedelta(hours=1)) == 1
    assert targets.told() == [PAGER, MAIL, PAGER]
    assert outbox.counts() == {"delivered": 1}


def test_an_outage_of_one_escalation_does_not_hold_up_the_next(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    targets.down = {PAGER}
    outbox.deliver([PAGER], targets.send, NOW)
    targets.down = set()
    outbox.record(replace(FEVER, message_id="message-2"), NOW + timedelta(seconds=1))
    assert outbox.deliver([PAGER], targets.send, NOW + timedelta(seconds=1)) == 1
    assert outbox.counts() == {"pending": 1, "delivered": 1}


def test_a_target_that_is_down_is_tried_again_after_longer_and_longer_waits(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    targets.down = {PAGER}
    moment = NOW
    outbox.deliver([PAGER], targets.send, moment)
    for wait in (10, 20, 40, 80, 160, 320, 640, 900, 900, 900):
        tried = len(targets.sent)
        outbox.deliver([PAGER], targets.send, moment + timedelta(seconds=wait - 1))
        assert len(targets.sent) == tried, f"tried again before {wait} s"
        moment += timedelta(seconds=wait)
        outbox.deliver([PAGER], targets.send, moment)
        assert len(targets.sent) == tried + 1, f"not tried again after {wait} s"
    assert outbox.counts() == {"pending": 1}


def test_a_long_outage_never_gives_an_escalation_up(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    targets.down = {PAGER}
    for day in range(1, 60):
        outbox.deliver([PAGER], targets.send, NOW + timedelta(days=day))
    targets.down = set()
    assert outbox.deliver([PAGER], targets.send, NOW + timedelta(days=60)) == 1


def test_without_targets_a_record_is_kept_and_nobody_is_told(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    assert outbox.deliver([], targets.send, NOW) == 1
    assert targets.sent == []
    assert outbox.counts() == {"kept": 1}
    outbox.deliver([PAGER], targets.send, NOW + timedelta(days=1))
    assert targets.sent == []


def test_escalations_are_delivered_in_their_order(outbox: Outbox, targets: Targets) -> None:
    for number in range(5):
        outbox.record(replace(FEVER, message_id=str(number), level=f"level-{number}"), NOW)
    assert outbox.deliver([PAGER], targets.send, NOW) == 5
    assert [title for _, title, _ in targets.sent] == [f"IL-2 Companion: level-{n} (fever, chills)" for n in range(5)]


def test_the_alert_names_level_symptoms_time_setting_channel_and_conversation(outbox: Outbox, targets: Targets) -> None:
    outbox.record(FEVER, NOW)
    outbox.record(replace(FEVER, message_id="message-2", setting=""), NOW)
    outbox.deliver([PAGER], targets.send, NOW)
    assert targets.sent[0] == (
        PAGER,
        "IL-2 Companion: urgent (fever, chills)",
        (
            "Level: urgent\nSymptoms: fever, chills\nTime: 2026-03-01T02:00:00.000+00:00\nSetting: home\n"
            "Channel: rest\nConversation: 0123456789abcdef"
        ),
    )
    assert "Setting: unknown" in targets.sent[1][2]


# -- what the files tell ---------------------------------------------------------------------------


@pytest.fixture
def secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("IL2_SECRET", raising=False)
    monkeypatch.setattr(secret, "SECRET_FILE", tmp_path / "var" / "secret")
    return tmp_path / "var" / "secret"


@pytest.mark.usefixtures("secret_file")
def test_no_file_holds_the_senders_id_or_the_secret_of_a_target(outbox: Outbox, targets: Targets) -> None:
    sender = "jane.doe@example.org"
    outbox.record(replace(FEVER, conversation=conversation_hash(sender)), NOW)
    targets.down = {MAIL}
    outbox.deliver([PAGER, MAIL], targets.send, NOW)
    files = [file for file in _file(outbox).parent.parent.rglob("*") if file.is_file()]
    content = b"".join(file.read_bytes() for file in files)
    assert b"urgent" in content
    for word in (b"jane", b"example.org", b"secret-token", b"password"):
        assert word not in content


def test_the_hash_of_a_conversation_stays_the_same_and_tells_conversations_apart(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = conversation_hash("patient-1")
    assert first == conversation_hash("patient-1")
    assert first != conversation_hash("patient-2")
    assert len(first) == 16
    assert int(first, 16) >= 0
    monkeypatch.setattr(secret, "SECRET_FILE", secret_file.parent / "another")
    assert conversation_hash("patient-1") != first


def test_the_secret_may_come_from_the_environment_and_then_no_file_is_made(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IL2_SECRET", "one")
    one = conversation_hash("patient")
    monkeypatch.setenv("IL2_SECRET", "two")
    assert conversation_hash("patient") != one
    assert not secret_file.exists()


def test_the_secret_file_is_readable_by_its_owner_alone(secret_file: Path) -> None:
    before = os.umask(0)
    try:
        conversation_hash("patient")
    finally:
        os.umask(before)
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    assert len(secret_file.read_bytes()) >= 32


def test_an_empty_secret_file_is_never_the_key(secret_file: Path) -> None:
    """A second process sees the file between its making and its writing, and so does everybody after a crash there."""
    import hashlib
    import hmac

    secret_file.parent.mkdir()
    secret_file.touch(0o600)
    guessable = hmac.new(b"", b"patient", hashlib.sha256).hexdigest()[:16]
    assert conversation_hash("patient") != guessable


def test_an_id_with_a_lone_surrogate_has_a_hash(secret_file: Path) -> None:
    assert len(conversation_hash("a\ud800b")) == 16
    assert secret_file.is_file()


# -- targets ---------------------------------------------------------------------------------------


def _clinic(*alerts: str) -> Clinic:
    return Clinic("Clinic", False, "us", "111", alerts)


def test_targets_come_from_the_named_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_TARGET", PAGER)
    monkeypatch.setenv("SECOND_TARGET", MAIL)
    assert escalations.targets(_clinic("SECOND_TARGET", "FIRST_TARGET")) == [MAIL, PAGER]
    assert escalations.targets(_clinic()) == []


@pytest.mark.parametrize("value", [None, ""])
def test_a_target_whose_variable_is_not_set_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SOME_TARGET", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_TARGET", value)
    with pytest.raises(ClinicError, match=r"^clinic\.yml names the alert target SOME_TARGET, but"):
        escalations.targets(_clinic("SOME_TARGET"))


def test_a_target_that_raises_is_a_failure_and_its_secret_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import apprise

    def broken(*arguments: Any, **options: Any) -> bool:
        raise OSError(f"no route to {PAGER}")

    monkeypatch.setattr(apprise.Apprise, "add", lambda self, target: True)
    monkeypatch.setattr(apprise.Apprise, "notify", broken)
    assert escalations.send_by_apprise(PAGER, "title", "body") is False
    assert "An alert could not be sent: OSError." in caplog.text
    assert "secret-token" not in caplog.text


def test_a_target_that_apprise_does_not_know_is_a_failure() -> None:
    assert escalations.send_by_apprise("no target at all", "title", "body") is False


def test_delivery_runs_in_the_background_until_it_is_stopped(
    outbox: Outbox, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    told = threading.Event()

    def send(target: str, title: str, body: str) -> bool:
        told.set()
        return targets.send(target, title, body)

    monkeypatch.setenv("SOME_TARGET", PAGER)
    monkeypatch.setattr(escalations, "POLL", 0.01)
    monkeypatch.setattr(escalations, "send_by_apprise", send)
    stop = escalations.start_delivery(_clinic("SOME_TARGET"), outbox)
    try:
        outbox.record(FEVER)
        assert told.wait(5)
    finally:
        stop.set()
        for thread in threading.enumerate():
            if thread.name == "escalation-delivery":
                thread.join(5)
    assert outbox.counts() == {"delivered": 1}
    assert targets.told() == [PAGER]
