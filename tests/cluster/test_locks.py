"""The lock store: one turn at a time over all workers, and never a wait without an end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rasa.core.lock_store import LockStore
from rasa.utils.endpoints import EndpointConfig

from bot.stores import locks
from bot.stores.locks import RedisLocks
from tests.cluster.conftest import proxied


def made(address: str, prefix: str) -> RedisLocks:
    """As Rasa makes it from endpoints.yml."""
    store = LockStore.create(EndpointConfig(address, type="bot.stores.locks.RedisLocks", prefix=prefix))
    assert isinstance(store, RedisLocks)
    return store


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


class Turns:
    """Counts how many turns of a conversation run at the same time."""

    def __init__(self) -> None:
        self.now, self.most, self.done = 0, 0, 0

    @asynccontextmanager
    async def one(self, store: LockStore, conversation: str = "anna") -> AsyncIterator[None]:
        async with store.lock(conversation):
            self.now += 1
            self.most = max(self.most, self.now)
            yield
            self.now -= 1
            self.done += 1


def test_pairs_at_two_workers_never_run_at_once(redis_url: str, prefix: str) -> None:
    async def work() -> None:
        stores = [made(redis_url, prefix), made(redis_url, prefix)]

        async def one(turns: Turns, store: RedisLocks, conversation: str) -> None:
            async with turns.one(store, conversation):
                await asyncio.sleep(0.001)

        for pair in range(100):
            turns = Turns()
            await asyncio.gather(*(one(turns, store, f"patient {pair}") for store in stores))
            assert (turns.most, turns.done) == (1, 2)

    asyncio.run(work())


def test_within_a_worker_turns_run_in_the_order_of_arrival(redis_url: str, prefix: str) -> None:
    async def work() -> list[int]:
        store, order = made(redis_url, prefix), []

        async def one(number: int) -> None:
            async with store.lock("anna"):
                order.append(number)
                await asyncio.sleep(0.01)

        await asyncio.gather(*(one(number) for number in range(8)))
        return order

    assert asyncio.run(work()) == list(range(8))


def test_another_conversation_does_not_wait(redis_url: str, prefix: str) -> None:
    async def work() -> None:
        store = made(redis_url, prefix)
        async with store.lock("anna"), asyncio.timeout(1), store.lock("ben"):
            pass

    asyncio.run(work())


def test_a_turn_longer_than_the_lease_keeps_its_lock(
    redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASE", 0.3)

    async def work() -> None:
        one, two, turns = made(redis_url, prefix), made(redis_url, prefix), Turns()

        async def long(store: RedisLocks) -> None:
            async with turns.one(store):
                await asyncio.sleep(0.9)

        await asyncio.gather(long(one), long(two))
        assert (turns.most, turns.done) == (1, 2)

    asyncio.run(work())


def test_the_lock_of_a_worker_that_died_is_free_after_its_lease(
    redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASE", 0.4)

    async def work() -> None:
        dead = await made(redis_url, prefix)._acquired("anna")  # held, and nobody extends it
        assert dead is not None
        turns = Turns()
        async with asyncio.timeout(2), turns.one(made(redis_url, prefix)):
            pass
        assert turns.done == 1

    asyncio.run(work())


def test_a_turn_that_waits_too_long_goes_on(redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LONGEST", 0.2)

    async def work() -> None:
        async with made(redis_url, prefix).lock("anna"), asyncio.timeout(2), made(redis_url, prefix).lock("anna"):
            pass

    asyncio.run(work())


def test_a_turn_that_fails_frees_its_lock(redis_url: str, prefix: str) -> None:
    async def work() -> None:
        with pytest.raises(ValueError, match="broken"):
            async with made(redis_url, prefix).lock("anna"):
                raise ValueError("broken")
        async with asyncio.timeout(1), made(redis_url, prefix).lock("anna"):
            pass

    asyncio.run(work())


@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_without_redis_turns_go_on_one_at_a_time_within_the_worker(
    redis_url: str, prefix: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "REST", 0.3)
    with proxied(redis_url) as proxy:

        async def work() -> None:
            store, turns = made(proxy.address, prefix), Turns()

            async def one() -> None:
                async with turns.one(store):
                    await asyncio.sleep(0.01)

            await one()
            getattr(proxy, fault)()
            began = asyncio.get_running_loop().time()
            await asyncio.gather(*(one() for _ in range(5)))
            assert asyncio.get_running_loop().time() - began < 4 * locks.PATIENCE
            assert not store.up
            proxy.heal()
            await asyncio.sleep(0.5)
            await one()
            assert store.up
            assert (turns.most, turns.done) == (1, 7)

        asyncio.run(work())


def test_redis_that_goes_away_in_the_middle_of_a_turn_does_not_break_the_turn(redis_url: str, prefix: str) -> None:
    with proxied(redis_url) as proxy:

        async def work() -> None:
            turns = Turns()
            async with turns.one(made(proxy.address, prefix)):
                proxy.cut()
            assert turns.done == 1

        asyncio.run(work())


def test_redis_learns_no_conversations_id(redis_url: str, prefix: str) -> None:
    import redis

    async def work() -> list[bytes]:
        async with made(redis_url, prefix).lock("web-secret-id"):
            return list(redis.Redis.from_url(redis_url).keys(f"{prefix}*"))

    (key,) = asyncio.run(work())
    assert b"secret" not in key
