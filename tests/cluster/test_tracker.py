"""The tracker store: no turn is lost, whatever overlaps, fails or goes away."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rasa.core.agent import Agent
from rasa.core.tracker_store import FailSafeTrackerStore, SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.channels.erase import erase
from bot.stores import database, tracker
from bot.stores.database import Unavailable
from bot.stores.tracker import SqlTrackers
from tests.cluster.conftest import proxied


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/conversations.db"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOOK", 0.1)


def made(address: str) -> SqlTrackers:
    """As Rasa makes it from endpoints.yml."""
    configuration = EndpointConfig(address, type="bot.stores.tracker.SqlTrackers")
    store = TrackerStore.create(configuration, Domain.empty())
    assert isinstance(store, SqlTrackers)
    return store


async def turn(store: Any, sender: str, *texts: str, session: bool = False) -> DialogueStateTracker:
    """A turn as Rasa's processor has it: read, change, save."""
    one = await store.get_or_create_tracker(sender, append_action_listen=False)
    if session or not one.events:
        one.update(ActionExecuted("action_session_start"))
        one.update(SessionStarted())
    for text in texts:
        one.update(UserUttered(text))
    await store.save(one)
    return one


def words(events: Any) -> list[str]:
    return [event.text for event in events if isinstance(event, UserUttered)]


async def said(address: str, sender: str, full: bool = False) -> list[str]:
    """What a worker that has just started finds."""
    store = made(address)
    found = await (store.retrieve_full_tracker(sender) if full else store.retrieve(sender))
    await store.database.close()
    return words(found.events) if found else []


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.05)


def test_turns_are_kept_in_their_order_and_nothing_is_kept_twice(address: str) -> None:
    async def work() -> None:
        store = made(address)
        for number in range(5):
            await turn(store, "anna", f"message {number}")
        await turn(store, "ben", "other")
        assert await said(address, "anna") == [f"message {number}" for number in range(5)]
        assert sorted(await store.keys()) == ["anna", "ben"]
        assert await store.retrieve("nobody") is None

    asyncio.run(work())


def test_the_current_session_is_read_and_the_full_one_on_request(address: str) -> None:
    async def work() -> None:
        store = made(address)
        await turn(store, "anna", "yesterday")
        await turn(store, "anna", "today", session=True)
        await turn(store, "anna", "and now")
        assert await said(address, "anna") == ["today", "and now"]
        assert await said(address, "anna", full=True) == ["yesterday", "today", "and now"]
        found = await store.retrieve("anna")
        assert found is not None
        assert words(found.events) == ["today", "and now"]

    asyncio.run(work())


def test_two_workers_take_turns_at_one_conversation(address: str) -> None:
    async def work() -> None:
        stores = [made(address), made(address)]
        for number in range(6):
            seen = await turn(stores[number % 2], "anna", f"message {number}")
            assert words(seen.events) == [f"message {n}" for n in range(number + 1)]

    asyncio.run(work())


def test_a_new_session_on_another_worker_is_seen(address: str) -> None:
    async def work() -> None:
        one, two = made(address), made(address)
        await turn(one, "anna", "yesterday")
        await turn(two, "anna", "today", session=True)
        assert words((await turn(one, "anna", "and now")).events) == ["today", "and now"]

    asyncio.run(work())


def test_of_two_turns_that_overlap_both_are_kept(address: str) -> None:
    async def work() -> None:
        one, two = made(address), made(address)
        await turn(one, "anna", "hello")
        trackers = [await store.retrieve("anna") for store in (one, two)]
        for number, (store, found) in enumerate(zip((one, two), trackers, strict=True)):
            assert found is not None
            found.update(UserUttered(f"at once {number}"))
            await store.save(found)
        assert await said(address, "anna") == ["hello", "at once 0", "at once 1"]
        assert words((await turn(one, "anna", "then")).events) == ["hello", "at once 0", "at once 1", "then"]

    asyncio.run(work())


def test_many_turns_at_once_in_one_conversation_are_all_kept(address: str) -> None:
    async def work() -> None:
        stores = [made(address) for _ in range(2)]
        await turn(stores[0], "anna", "hello")
        await asyncio.gather(*(turn(stores[n % 2], "anna", f"message {n}") for n in range(8)))

        async def all_there() -> bool:
            return sorted(await said(address, "anna")) == sorted(["hello", *(f"message {n}" for n in range(8))])

        await until(all_there)

    asyncio.run(work())


def test_after_a_read_that_failed_the_turn_is_kept(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        store = FailSafeTrackerStore(made(address))
        await turn(store, "anna", "first")
        with monkeypatch.context() as patched:

            async def fails(self: SqlTrackers, sender_id: str) -> None:
                raise RuntimeError("cannot be read")

            patched.setattr(SqlTrackers, "retrieve", fails)
            await turn(store, "anna", "second")
        assert await said(address, "anna", full=True) == ["first", "second"]

    asyncio.run(work())


@pytest.mark.parametrize("sender", ["\ud800", "a\x00b", "ü" * 300, "x" * 5000, "'; drop table", "../../etc"])
def test_any_id_and_any_text_can_be_kept_and_does_not_end_the_process(address: str, sender: str) -> None:
    async def work() -> None:
        store = made(address)
        await turn(store, sender, "lone \ud800 and nul \x00 and ü")
        assert await said(address, sender) == ["lone \ud800 and nul \x00 and ü"]
        await erase(FailSafeTrackerStore(store), sender)
        assert await said(address, sender) == []

    asyncio.run(work())


def test_a_deleted_conversation_is_in_no_file_and_not_in_the_memory_of_another_worker(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/conversations.db"

    async def work() -> None:
        one, two = made(address), made(address)
        await turn(one, "anna", "canary of anna")
        await turn(two, "anna", "more")
        await turn(two, "ben", "canary of ben")
        await erase(FailSafeTrackerStore(one), "anna")
        assert await two.retrieve("anna") is None
        assert words((await turn(two, "anna", "new")).events) == ["new"]
        for store in (one, two):
            await store.database.close()

    asyncio.run(work())
    with sqlite3.connect(tmp_path / "conversations.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"canary of ben" in content
    assert b"canary of anna" not in content


@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_a_conversation_goes_on_during_an_outage_and_is_written_after_it(postgres: str, fault: str) -> None:
    with proxied(postgres) as proxy:

        async def work() -> None:
            store = made(proxy.address)
            await turn(store, "anna", "before")
            getattr(proxy, fault)()
            clock = asyncio.get_running_loop().time
            longest = 0.0
            for number in range(5):
                began = clock()
                seen = await turn(store, "anna", f"during {number}")
                longest = max(longest, clock() - began)
                assert words(seen.events) == ["before", *(f"during {n}" for n in range(number + 1))]
            assert store.database.away
            assert longest < 2 * (database.PATIENCE + 1.0), "no turn waits for more than one call that hangs"
            with pytest.raises(Unavailable):
                await store.delete("carl")
            await turn(store, "ben", "new during the outage")
            proxy.heal()

            async def back() -> bool:
                return not store.database.away

            await until(back)
            await turn(store, "anna", "after")
            assert await said(postgres, "anna") == ["before", *(f"during {n}" for n in range(5)), "after"]
            assert await said(postgres, "ben") == ["new during the outage"]

        asyncio.run(work())


def test_a_file_that_somebody_locks_holds_no_turn_up_for_long_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCKED", 0.3)
    file = tmp_path / "conversations.db"

    async def work() -> None:
        store = made(f"sqlite:///{file}")
        await turn(store, "anna", "before")
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        seen = await turn(store, "anna", "during")
        assert words(seen.events) == ["before", "during"]
        assert store.database.away
        other.execute("COMMIT")
        other.close()

        async def there() -> bool:
            return await said(f"sqlite:///{file}", "anna") == ["before", "during"]

        await until(there)

    asyncio.run(work())


def test_the_event_loop_is_never_held_while_the_database_hangs(postgres: str) -> None:
    with proxied(postgres) as proxy:

        async def work() -> float:
            store = made(proxy.address)
            await turn(store, "anna", "before")
            proxy.hang()
            worst, running = 0.0, asyncio.ensure_future(turn(store, "anna", "during"))
            clock = asyncio.get_running_loop().time
            while not running.done():
                began = clock()
                await asyncio.sleep(0.01)
                worst = max(worst, clock() - began)
            await running
            return worst

        assert asyncio.run(work()) < 1.0


def test_a_write_of_which_nothing_was_heard_is_not_written_again(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        store = made(address)
        await turn(store, "anna", "before")
        run = store.database.run

        async def deaf(work: Any) -> Any:
            await run(work)
            raise Unavailable("the answer was lost")

        found = await store.retrieve("anna")
        assert found is not None
        found.update(UserUttered("once"))
        with monkeypatch.context() as patched:
            patched.setattr(store.database, "run", deaf)
            await store.save(found)
        await turn(store, "anna", "after")
        assert await said(address, "anna") == ["before", "once", "after"]

    asyncio.run(work())


def test_a_database_that_is_absent_at_the_start_is_set_up_when_it_comes(postgres: str) -> None:
    with proxied(postgres) as proxy:
        proxy.cut()

        async def work() -> None:
            store = made(proxy.address)
            await turn(store, "anna", "early")
            assert not store.database.seen
            proxy.heal()

            async def there() -> bool:
                return store.database.seen and await said(postgres, "anna") == ["early"]

            await until(there)

        asyncio.run(work())


def test_tables_that_are_lost_are_made_again(postgres: str) -> None:
    async def work() -> None:
        store = made(postgres)
        await turn(store, "anna", "before")
        engine = sa.create_engine(postgres)
        with engine.begin() as db:
            db.execute(sa.text("DROP SCHEMA public CASCADE"))
            db.execute(sa.text("CREATE SCHEMA public"))
        engine.dispose()
        await turn(store, "anna", "after")

        async def there() -> bool:
            return "after" in await said(postgres, "anna")

        await until(there)

    asyncio.run(work())


def test_what_is_written_is_forgotten_in_memory_and_what_waits_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "KEPT_CONVERSATIONS", 3)

    async def work() -> None:
        store = made(f"sqlite:///{tmp_path}/conversations.db")
        for number in range(10):
            await turn(store, f"patient {number}", "hello")
        assert len(store._recent) == 3

        async def away(work: Any) -> Any:
            raise Unavailable("away")

        monkeypatch.setattr(store.database, "run", away)
        for number in range(20, 30):
            await turn(store, f"patient {number}", "waiting")
        assert sum(bool(one.waiting) for one in store._recent.values()) == 10

    asyncio.run(work())


def test_a_long_conversation_is_stored_whole_and_read_short(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/conversations.db"

    async def work() -> None:
        stores, sizes = [made(address), made(address)], []
        for number in range(100):
            long = await turn(stores[number % 2], "anna", f"message {number}")
            sizes.append(len(long.events))
        assert max(sizes[50:]) == sizes[50]
        everything = [f"message {number}" for number in range(100)]
        assert await said(address, "anna", full=True) == everything
        assert await said(address, "anna") == everything[-20:]

    asyncio.run(work())


def test_what_rasas_own_store_has_kept_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    address = f"sqlite:///{file}"

    async def work() -> None:
        old = SQLTrackerStore(Domain.empty(), dialect="sqlite", db=str(file))
        await turn(old, "anna", "yesterday")
        await turn(old, "anna", "today", session=True)
        await turn(old, "ben", "hello")
        old.engine.dispose()
        assert await said(address, "anna") == ["today"]
        assert await said(address, "anna", full=True) == ["yesterday", "today"]
        assert words((await turn(made(address), "ben", "again")).events) == ["hello", "again"]

    asyncio.run(work())
    with sqlite3.connect(file) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "conversation_events" in names
    assert "events" not in names


def test_the_events_are_stored_as_rasa_writes_them(tmp_path: Path) -> None:
    async def work() -> None:
        await turn(made(f"sqlite:///{tmp_path}/conversations.db"), "anna", "hello")

    asyncio.run(work())
    with sqlite3.connect(tmp_path / "conversations.db") as db:
        rows = db.execute("SELECT seq, session, type, data FROM conversation_events ORDER BY seq").fetchall()
    assert [row[:3] for row in rows] == [(1, 1, "action"), (2, 2, "session_started"), (3, 2, "user")]
    assert isinstance(Event.from_parameters(json.loads(rows[2][3])), UserUttered)


def test_the_agent_takes_the_store_as_it_is(tmp_path: Path) -> None:
    store = made(f"sqlite:///{tmp_path}/conversations.db")
    agent = Agent(domain=Domain.empty(), tracker_store=store)
    assert isinstance(agent.tracker_store, FailSafeTrackerStore)
    assert agent.tracker_store._tracker_store is store
