"""The event broker: an outbox in the tracker store's database that feeds RabbitMQ.

Rasa publishes an event before it is stored, keeps what cannot be sent in memory, and does not start while RabbitMQ is
away (20 tries, then the end). Here the tracker store writes what goes out in the transaction that keeps the events, and
a task sends it on, in order, until RabbitMQ has confirmed it. A consumer may get a message twice, never none; its
``message_id`` is the same both times.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.utils.endpoints import EndpointConfig
from sqlalchemy.engine import Connection

from bot.escalations import conversation_hash
from bot.stores.database import Database, Unavailable
from bot.stores.letters import Letter
from bot.stores.tables import outgoing_events

logger = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks into the outbox."""
FIRST_WAIT, LAST_WAIT = 1.0, 30.0
"""Seconds before RabbitMQ is tried again, doubled at each failure."""
PATIENCE = 5.0
"""Seconds that RabbitMQ may take for anything."""
BATCH = 200
QUEUE = {"x-message-ttl": 30 * 24 * 3600 * 1000}
"""A message that nobody fetches goes after 30 days."""
_KEY = 0x494C3245
"""Names the lock under which one worker at a time sends."""


class OutboxBroker(EventBroker):
    """``event_broker.type: bot.stores.broker.OutboxBroker`` with ``url: amqp://...``."""

    def __init__(self, url: str, exchange: str = "il2", queue: str = "il2-events") -> None:
        """Name the server, the exchange that messages go to, and the durable queue that keeps them."""
        self._url, self._exchange_name, self._queue = url, exchange, queue
        self._database: Database | None = None
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None
        self.up = True

    @classmethod
    async def from_endpoint_config(cls, broker_config: EndpointConfig, event_loop: Any = None) -> OutboxBroker:
        """Make it from ``endpoints.yml``; RabbitMQ need not be there."""
        return cls(str(broker_config.url), **broker_config.kwargs)

    # -- what the tracker store calls ------------------------------------------------------------------

    def deliver_from(self, database: Database) -> None:
        """Send what the tracker store writes into this database."""
        self._database = database
        with contextlib.suppress(RuntimeError):  # no event loop: nothing is served here
            self._task = asyncio.get_running_loop().create_task(self._run())

    def sealed(self, conversation: str, seq: int, letter: Letter) -> str:
        """A message as it is kept until it is sent."""
        name = conversation_hash(conversation)
        return json.dumps({"id": f"{name}-{seq}", "conversation": name, "seq": seq, **letter})

    def publish(self, event: dict[str, Any]) -> None:
        """Do nothing: the tracker store has written the event already.

        Rasa calls this for each event that a store streams; the companion's does not.
        """

    # -- sending ---------------------------------------------------------------------------------------

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await self._send_all()
                self.up, wait = True, FIRST_WAIT
                await asyncio.sleep(POLL)
            except asyncio.CancelledError:
                raise
            except Unavailable:
                await asyncio.sleep(POLL)
            except Exception as error:
                if self.up:
                    logger.error("Events cannot be sent now: %s.", type(error).__name__)
                self.up = False
                await self._disconnect()
                await asyncio.sleep(wait)
                wait = min(wait * 2, LAST_WAIT)

    async def _send_all(self) -> None:
        """Send all that is there, unless another worker is at it."""
        assert self._database is not None
        rows = await self._database.run(_oldest)
        if not rows:
            return
        exchange = await self._connected()
        holding = await asyncio.to_thread(self._hold)
        if holding is None:
            return
        try:
            while rows := await self._database.run(_oldest):
                by_conversation = defaultdict(list)
                for row in rows:
                    by_conversation[row.conversation].append(row)
                await asyncio.gather(*(self._send(exchange, some) for some in by_conversation.values()))
        finally:
            await asyncio.to_thread(holding.close)

    def _hold(self) -> Connection | None:
        """Be the one worker that sends, so that a conversation's messages keep their order."""
        assert self._database is not None
        connection = self._database.engine.connect()
        if connection.dialect.name != "postgresql":  # a SQLite file serves one worker
            return connection
        connection.begin()
        if connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_KEY))).scalar():
            return connection
        connection.close()
        return None

    async def _send(self, exchange: Any, rows: list[Any]) -> None:
        """Send one conversation's messages one after the other, each once the one before is confirmed."""
        import aio_pika

        assert self._database is not None
        sent: list[int] = []
        try:
            for row in rows:
                told = json.loads(row.body)
                message = aio_pika.Message(
                    row.body.encode(),
                    message_id=told["id"],
                    content_type="application/json",
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    headers={"conversation": told["conversation"], "seq": told["seq"], "event": told["event"]},
                )
                await exchange.publish(message, routing_key=self._queue, timeout=PATIENCE)
                sent.append(row.number)
        finally:
            if sent:
                done = outgoing_events.delete().where(outgoing_events.c.number.in_(sent))
                await self._database.run(lambda db: db.execute(done))

    async def _connected(self) -> Any:
        import aio_pika

        if self._connection is None or self._connection.is_closed:
            self._connection = await asyncio.wait_for(aio_pika.connect(self._url, timeout=PATIENCE), PATIENCE * 2)
            channel = await self._connection.channel(publisher_confirms=True)
            self._exchange = await channel.declare_exchange(self._exchange_name, durable=True, timeout=PATIENCE)
            queue = await channel.declare_queue(self._queue, durable=True, timeout=PATIENCE, arguments=QUEUE)
            await queue.bind(self._exchange, routing_key=self._queue, timeout=PATIENCE)
        return self._exchange

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.close(), PATIENCE)

    async def close(self) -> None:
        """Stop sending; what is left goes from the outbox at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disconnect()


def _oldest(db: Connection) -> list[Any]:
    return list(db.execute(sa.select(outgoing_events).order_by(outgoing_events.c.number).limit(BATCH)).all())
