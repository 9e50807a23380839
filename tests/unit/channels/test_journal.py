"""The journal: nothing twice, nothing lost, in order, across workers, and gone when it is deleted."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from bot.channels import journal as journals
from bot.channels.journal import Claim, Event, Option, SqlJournal, UnknownConversation
from bot.stores import database


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is order, not speed: a busy machine may take its time over a disk."""
    monkeypatch.setattr(database, "PATIENCE", 60.0)
    monkeypatch.setattr(database, "LOCKED", 60.0)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal.db"


@pytest.fixture
def journal(address: str) -> SqlJournal:
    return SqlJournal("web", address)


@pytest.fixture
def other(address: str) -> SqlJournal:
    """Another worker's journal on the same file."""
    return SqlJournal("web", address)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def _answered(journal: SqlJournal, conversation: str, event: str, *texts: str) -> None:
    assert await journal.accept(conversation, event, {}, {"from": "patient", "text": event}) is Claim.NEW
    assert await journal.finish(conversation, event, [{"from": "bot", "text": t, "reply_to": event} for t in texts])


def test_a_conversation_is_known_from_its_opening_on(journal: SqlJournal, other: SqlJournal) -> None:
    async def work() -> None:
        assert not await journal.knows("a")
        await journal.open("a", [{"text": "hello"}])
        await other.open("a", [{"text": "hello again"}])
        assert await other.knows("a")
        assert await other.history("a") == [{"seq": 1, "text": "hello"}]

    run(work())


def test_two_channels_do_not_share_a_conversation(journal: SqlJournal, address: str) -> None:
    async def work() -> None:
        await journal.open("a")
        assert not await SqlJournal("telegram", address).knows("a")

    run(work())


def test_nothing_is_taken_for_a_conversation_that_is_not_open(journal: SqlJournal) -> None:
    with pytest.raises(UnknownConversation):
        run(journal.accept("a", "event", {}))


def test_the_history_is_in_order_and_can_be_read_from_anywhere(journal: SqlJournal) -> None:
    async def work() -> None:
        await journal.open("a", [{"text": "hello"}])
        await _answered(journal, "a", "one", "1", "2")
        await _answered(journal, "a", "two", "3")
        said = await journal.history("a")
        assert [(entry["seq"], entry["text"]) for entry in said] == [
            (1, "hello"),
            (2, "one"),
            (3, "1"),
            (4, "2"),
            (5, "two"),
            (6, "3"),
        ]
        assert await journal.history("a", after=4) == said[4:]
        assert await journal.history("a", after=99) == []
        assert [entry["text"] for entry in await journal.history("a", reply_to="one")] == ["1", "2"]

    run(work())


def test_an_event_is_new_then_running_then_done_for_every_worker(journal: SqlJournal, other: SqlJournal) -> None:
    async def work() -> None:
        await journal.open("a")
        assert await journal.accept("a", "e", {}, {"text": "hi"}) is Claim.NEW
        assert await journal.accept("a", "e", {}, {"text": "hi"}) is Claim.RUNNING
        assert await other.accept("a", "e", {}, {"text": "changed"}) is Claim.RUNNING
        assert await journal.finish("a", "e", [{"text": "answer", "reply_to": "e"}])
        assert await other.accept("a", "e", {}, {"text": "hi"}) is Claim.DONE
        assert [entry["text"] for entry in await other.history("a")] == ["hi", "answer"]

    run(work())


def test_of_many_workers_at_once_one_gets_the_event(address: str) -> None:
    async def work() -> None:
        workers = [SqlJournal("web", address) for _ in range(8)]
        await workers[0].open("a")
        claims = await asyncio.gather(*(worker.accept("a", "e", {}, {"text": "hi"}) for worker in workers))
        assert sorted(claim.value for claim in claims) == ["new", *["running"] * 7]
        assert len(await workers[0].history("a")) == 1

    run(work())


def test_workers_that_start_at_once_all_get_their_tables(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from bot.channels.journal import SqlJournal; "
        "asyncio.run(SqlJournal('web', sys.argv[1]).open(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/new.db"]
    workers = [subprocess.Popen([*command, f"conversation-{number}"]) for number in range(4)]
    assert [worker.wait(timeout=120) for worker in workers] == [0] * 4
    assert all(run(SqlJournal("web", command[-1]).knows(f"conversation-{number}")) for number in range(4))


def test_sequence_numbers_stay_apart_when_many_write_at_once(address: str) -> None:
    async def work() -> None:
        workers = [SqlJournal("web", address) for _ in range(4)]
        await workers[0].open("a")
        await asyncio.gather(*(_answered(workers[n % 4], "a", f"e{n}", "x", "y") for n in range(20)))
        assert [entry["seq"] for entry in await workers[0].history("a")] == list(range(1, 61))

    run(work())


def test_an_event_that_nobody_finished_may_be_begun_again(
    journal: SqlJournal, other: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        await journal.open("a")
        await journal.accept("a", "e", {"text": "hi"})
        assert await other.abandoned() == []
        monkeypatch.setattr(journals, "LEASE", -1.0)
        assert await other.abandoned() == [Event("a", "e", {"text": "hi"}, 1)]
        assert await other.accept("a", "e", {}) is Claim.AGAIN
        monkeypatch.setattr(journals, "LEASE", 60.0)
        assert await journal.accept("a", "e", {}) is Claim.RUNNING
        assert await other.finish("a", "e", [{"text": "mine"}])
        assert not await journal.finish("a", "e", [{"text": "too late"}])
        assert [entry["text"] for entry in await journal.history("a")] == ["mine"]
        monkeypatch.setattr(journals, "LEASE", -1.0)
        assert await other.abandoned() == []

    run(work())


def test_an_event_that_is_still_being_handled_is_not_abandoned(
    journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        await journal.open("a")
        for event in ("slow", "lost"):
            await journal.accept("a", event, {})
        monkeypatch.setattr(journals, "LEASE", 0.2)
        await asyncio.sleep(0.3)
        await journal.renew([("a", "slow")])
        assert [event.id for event in await journal.abandoned()] == ["lost"]

    run(work())


def test_a_button_says_what_it_said_only_in_its_own_conversation(journal: SqlJournal) -> None:
    async def work() -> None:
        await journal.open("a", options=[Option("token-1", "At home")])
        await journal.open("b")
        assert await journal.option("a", "token-1") == "At home"
        assert await journal.option("b", "token-1") is None
        assert await journal.last_options("a") == ["At home"]
        await journal.accept("a", "e", {})
        await journal.finish("a", "e", options=[Option("token-2", "Yes"), Option("token-3", "No")])
        assert await journal.last_options("a") == ["Yes", "No"]
        assert await journal.option("a", "token-1") == "At home"
        await _answered(journal, "a", "f", "nothing to choose")
        assert await journal.last_options("a") == []
        assert await journal.last_options("nobody") == []

    run(work())


def test_notes_are_kept_and_changed_one_by_one(journal: SqlJournal, other: SqlJournal) -> None:
    async def work() -> None:
        await journal.open("a")
        assert await journal.notes("a") == {}
        await asyncio.gather(*(w.note("a", **{f"n{n}": n}) for n, w in enumerate([journal, other] * 5)))
        assert await other.notes("a") == {f"n{n}": n for n in range(10)}

    run(work())


async def _parcels(journal: SqlJournal, conversation: str, *texts: str) -> None:
    await journal.open(conversation)
    await journal.accept(conversation, "e", {})
    await journal.finish(conversation, "e", parcels=[{"text": text} for text in texts])


def test_parcels_of_a_conversation_go_out_one_after_the_other(journal: SqlJournal, other: SqlJournal) -> None:
    async def work() -> None:
        await _parcels(journal, "a", "one", "two")
        (first,) = await journal.due("a")
        assert first.body == {"text": "one"}
        assert await other.due() == []  # the second waits for the first
        await journal.sent(first.id)
        (second,) = await other.due()
        assert second.body == {"text": "two"}
        await other.sent(second.id)
        assert await journal.due() == []

    run(work())


def test_one_conversation_that_waits_does_not_hold_another(journal: SqlJournal) -> None:
    async def work() -> None:
        await _parcels(journal, "a", "one")
        await _parcels(journal, "b", "two")
        (parcel,) = await journal.due("a")
        await journal.failed(parcel.id, "busy", again_in=60)
        assert [p.conversation for p in await journal.due()] == ["b"]

    run(work())


def test_a_refused_parcel_is_tried_again_and_then_recorded_without_its_text(
    journal: SqlJournal, tmp_path: Path
) -> None:
    async def work() -> None:
        await _parcels(journal, "a", "canary")
        (parcel,) = await journal.due()
        await journal.failed(parcel.id, "busy", again_in=-1)
        (again,) = await journal.due()
        assert (again.id, again.tries) == (parcel.id, 1)
        assert await journal.undeliverable() == []
        await journal.failed(again.id, "blocked by the user", again_in=None)
        assert await journal.due() == []
        assert await journal.undeliverable() == [("a", "blocked by the user")]

    run(work())
    with sqlite3.connect(tmp_path / "journal.db") as db:
        assert db.execute("SELECT body FROM parcels").fetchall() == [(None,)]


def test_nothing_is_left_of_a_deleted_conversation_in_any_file(journal: SqlJournal, tmp_path: Path) -> None:
    async def work() -> None:
        for conversation in ("a", "b"):
            await journal.open(conversation, [{"text": f"canary-{conversation}"}])
            await journal.accept(conversation, "e", {"text": f"canary-{conversation}"})
            await journal.finish(
                conversation,
                "e",
                [{"text": f"canary-{conversation}" * 50}],
                [Option(f"token-{conversation}", f"canary-{conversation}")],
                [{"text": f"canary-{conversation}"}],
            )
        await journal.forget("a")
        assert not await journal.knows("a")
        assert await journal.history("a") == []
        assert await journal.option("a", "token-a") is None
        assert [p.conversation for p in await journal.due()] == ["b"]
        with pytest.raises(UnknownConversation):
            await journal.accept("a", "late", {}, {"text": "late"})
        assert not await journal.finish("a", "e", [{"text": "late"}])
        assert len(await journal.history("b")) == 2

    run(work())
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"canary-a" not in content
    assert b"canary-b" in content


def test_a_deletion_is_remembered_until_it_is_done_everywhere(journal: SqlJournal, other: SqlJournal) -> None:
    async def work() -> None:
        await journal.open("a")
        await journal.forget("a")
        assert await other.to_forget() == ["a"]
        await other.forgotten("a")
        assert await journal.to_forget() == []

    run(work())


def test_of_a_deletion_by_message_a_mark_without_words_stays(journal: SqlJournal, tmp_path: Path) -> None:
    async def work() -> None:
        await journal.open("a", [{"text": "canary"}])
        await _answered(journal, "a", "earlier", "canary")
        await journal.accept("a", "yes", {"text": "canary"}, {"text": "canary"})
        assert not await journal.ended_by("a", "yes")
        await journal.forget("a", by="yes")
        await journal.forgotten("a")
        assert await journal.ended_by("a", "yes")
        assert not await journal.ended_by("a", "earlier")
        assert not await journal.ended_by("b", "yes")
        assert not await journal.knows("a")
        assert await journal.trim(time.time() + 10) == 0  # the mark goes with the rest that is old
        assert not await journal.ended_by("a", "yes")

    run(work())
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_a_conversation_begins_anew_with_what_waits(journal: SqlJournal, tmp_path: Path) -> None:
    async def work() -> None:
        await journal.open("a", [{"text": "canary"}], [Option("t", "canary")])
        await journal.note("a", told_privacy=True, words="canary")
        await journal.accept("a", "earlier", {"text": "canary"})
        await journal.finish("a", "earlier", parcels=[{"text": "call now"}])
        await journal.accept("a", "yes", {"text": "canary"})
        await journal.accept("a", "since", {"text": "said since"})
        await journal.open("b", [{"text": "other"}])
        assert await journal.finish("a", "yes", parcels=[{"text": "gone"}], anew=True)
        assert not await journal.finish("a", "yes", parcels=[{"text": "gone"}], anew=True)
        assert await journal.notes("a") == {}
        assert await journal.last_options("a") == []
        assert await journal.option("a", "t") is None
        assert await journal.history("a") == []
        assert len(await journal.history("b")) == 1
        assert await journal.accept("a", "yes", {}) is Claim.DONE
        for text in ("call now", "gone"):  # what is on its way arrives, in its order
            (parcel,) = await journal.due("a")
            assert parcel.body == {"text": text}
            await journal.sent(parcel.id)
        assert await journal.finish("a", "since", [{"text": "answer"}], [Option("u", "more")])
        assert await journal.last_options("a") == ["more"]

    run(work())
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"canary" not in content
