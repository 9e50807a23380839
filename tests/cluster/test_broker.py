"""Events to RabbitMQ: each arrives, in its conversation's order, without a word of the patient's."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest
import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.utils.endpoints import EndpointConfig

from bot.escalations import conversation_hash
from bot.stores import broker as brokers
from bot.stores.broker import OutboxBroker
from bot.stores.tables import outgoing_events
from bot.stores.tracker import SqlTrackers
from tests.cluster.conftest import proxied

CANARY = "canary-words-of-a-patient"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "POLL", 0.05)
    monkeypatch.setattr(brokers, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(brokers, "LAST_WAIT", 0.2)
    monkeypatch.setattr(brokers, "PATIENCE", 1.0)


@asynccontextmanager
async def worker(database: str, rabbitmq: str, name: str) -> AsyncIterator[SqlTrackers]:
    """A worker's stores, as Rasa makes them from endpoints.yml."""
    configuration = EndpointConfig(
        rabbitmq, type="bot.stores.broker.OutboxBroker", exchange=name, queue=f"{name}-events"
    )
    broker = await EventBroker.create(configuration)
    assert isinstance(broker, OutboxBroker)
    store = TrackerStore.create(EndpointConfig(database, type="bot.stores.tracker.SqlTrackers"), Domain.empty(), broker)
    assert isinstance(store, SqlTrackers)
    try:
        yield store
    finally:
        await broker.close()
        await store.database.close()


@pytest.fixture
def name(rabbitmq_url: str) -> Any:
    made = f"il2-test-{uuid.uuid4().hex[:8]}"
    yield made

    async def remove() -> None:
        async with await aio_pika.connect(rabbitmq_url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(f"{made}-events")
            await channel.exchange_delete(made)

    asyncio.run(remove())


async def turn(store: SqlTrackers, sender: str, number: int) -> None:
    one = await store.get_or_create_tracker(sender, append_action_listen=False)
    if not one.events:
        one.update(SessionStarted())
    parsed = {"intent": {"name": f"faq {number}", "confidence": 0.9}, "assessment": {"level": "urgent"}, "text": CANARY}
    one.update(UserUttered(CANARY, parsed["intent"], [], parsed, metadata={"name": CANARY}))
    one.update(SlotSet("setting", CANARY))
    one.update(BotUttered(CANARY, {"custom": {"answer": {"id": f"faq/{number}"}}}, {"utter_action": "utter_faq"}))
    await store.save(one)


async def received(rabbitmq: str, name: str, count: int) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """Fetch messages until there are as many."""
    found: list[aio_pika.abc.AbstractIncomingMessage] = []
    async with await aio_pika.connect(rabbitmq) as connection, asyncio.timeout(15):
        channel = await connection.channel()
        while len(found) < count:
            try:
                queue = await channel.get_queue(f"{name}-events")
                message = await queue.get(no_ack=True, fail=False)
            except aio_pika.exceptions.AMQPError:  # not declared yet
                channel = await connection.channel()
                message = None
            if message is None:
                await asyncio.sleep(0.05)
            else:
                found.append(message)
    return found


def test_events_arrive_in_order_and_hold_no_word(postgres: str, rabbitmq_url: str, name: str) -> None:
    async def work() -> list[Any]:
        async with worker(postgres, rabbitmq_url, name) as store:
            for number in range(3):
                await turn(store, "web-anna", number)
            return await received(rabbitmq_url, name, 7)

    messages = asyncio.run(work())
    bodies = [json.loads(message.body) for message in messages]
    assert [body["event"] for body in bodies] == ["session_started", *["user", "bot"] * 3]
    assert [body["seq"] for body in bodies] == sorted(body["seq"] for body in bodies)
    assert {body["conversation"] for body in bodies} == {conversation_hash("web-anna")}
    assert [body["answer"] for body in bodies if "answer" in body] == ["faq/0", "faq/1", "faq/2"]
    assert bodies[1]["intent"] == "faq 0"
    assert bodies[1]["level"] == "urgent"
    assert len({message.message_id for message in messages}) == 7
    for message in messages:
        everything = message.body + repr(message.headers).encode() + str(message.message_id).encode()
        assert CANARY.encode() not in everything
        assert b"anna" not in everything


def test_an_outage_of_rabbitmq_loses_nothing_and_keeps_the_order(postgres: str, rabbitmq_url: str, name: str) -> None:
    with proxied(rabbitmq_url) as proxy:

        async def work() -> list[Any]:
            proxy.cut()  # at the start
            async with worker(postgres, proxy.address, name) as store:
                await turn(store, "anna", 0)
                proxy.heal()
                first = await received(rabbitmq_url, name, 3)
                proxy.cut()  # and in the middle
                for number in range(1, 4):
                    await turn(store, "anna", number)
                proxy.heal()
                return [*first, *await received(rabbitmq_url, name, 6)]

        bodies = [json.loads(message.body) for message in asyncio.run(work())]
        ids = list(dict.fromkeys(body["id"] for body in bodies))
        assert [body["answer"] for body in bodies if body["event"] == "bot"] == [f"faq/{n}" for n in range(4)]
        assert len(ids) == 9


def test_what_was_not_sent_goes_out_after_a_restart(postgres: str, rabbitmq_url: str, name: str) -> None:
    async def work() -> int:
        async with worker(postgres, "amqp://guest:guest@127.0.0.1:9/", name) as store:
            await turn(store, "anna", 0)
        async with worker(postgres, rabbitmq_url, name) as store:
            await received(rabbitmq_url, name, 3)
            async with asyncio.timeout(5):
                while left := await store.database.run(
                    lambda db: db.execute(sa.select(sa.func.count()).select_from(outgoing_events)).scalar()
                ):
                    await asyncio.sleep(0.05)
            return int(left or 0)

    assert asyncio.run(work()) == 0


def test_two_workers_send_each_event_once(postgres: str, rabbitmq_url: str, name: str) -> None:
    async def work() -> list[Any]:
        async with worker(postgres, rabbitmq_url, name) as one, worker(postgres, rabbitmq_url, name) as two:
            for number in range(10):
                await turn((one, two)[number % 2], "anna", number)
            found = await received(rabbitmq_url, name, 21)
            await asyncio.sleep(0.5)
            async with await aio_pika.connect(rabbitmq_url) as connection:
                queue = await (await connection.channel()).get_queue(f"{name}-events")
                assert await queue.get(fail=False) is None
            return found

    bodies = [json.loads(message.body) for message in asyncio.run(work())]
    assert [body["seq"] for body in bodies] == sorted({body["seq"] for body in bodies})


def test_a_deleted_conversation_takes_its_events_with_it(postgres: str) -> None:
    async def work() -> int:
        async with worker(postgres, "amqp://guest:guest@127.0.0.1:9/", "unused") as store:
            await turn(store, "anna", 0)
            await turn(store, "ben", 0)
            await store.delete("anna")
            return int(
                await store.database.run(
                    lambda db: db.execute(sa.select(sa.func.count()).select_from(outgoing_events)).scalar() or 0
                )
            )

    assert asyncio.run(work()) == 3
