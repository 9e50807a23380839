"""PostgreSQL, Redis and RabbitMQ as found on this machine; a test that needs one that is missing is skipped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from bot.runtime.cluster import make_database

POSTGRES = os.environ.get("IL2_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("IL2_TEST_REDIS", "redis://127.0.0.1:6379/0")
RABBITMQ = os.environ.get("IL2_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/")


@pytest.fixture(scope="session")
def _postgres() -> str:
    try:
        make_database(POSTGRES)
    except sa.exc.OperationalError:
        pytest.skip("PostgreSQL is missing (apt-get install postgresql, or set IL2_TEST_POSTGRES)")
    return POSTGRES


@pytest.fixture
def postgres(_postgres: str) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    name = f"il2_test_{uuid.uuid4().hex[:12]}"
    address = _postgres.rpartition("/")[0] + f"/{name}"
    make_database(address)
    yield address
    admin = sa.create_engine(_postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def redis_url() -> str:
    import redis

    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=2).ping()
    except (redis.RedisError, OSError):
        pytest.skip("Redis is missing (apt-get install redis-server, or set IL2_TEST_REDIS)")
    return REDIS


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    import aio_pika

    async def knock() -> None:
        await (await aio_pika.connect(RABBITMQ, timeout=3)).close()

    try:
        asyncio.run(knock())
    except (OSError, TimeoutError):
        pytest.skip("RabbitMQ is missing (apt-get install rabbitmq-server, or set IL2_TEST_RABBITMQ)")
    return RABBITMQ


class Proxy:
    """Stands between a client and a server; can be cut, or hang while its connections stay open."""

    def __init__(self, address: str) -> None:
        self._at = urlsplit(address)
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._open())
        self.address = self._at._replace(netloc=self._at.netloc.rpartition(":")[0] + f":{self.port}").geturl()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _open(self) -> None:
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._at.hostname, self._at.port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def cut(self) -> None:
        """Break all connections and refuse new ones."""
        self._do(self._close())

    def hang(self) -> None:
        """Take everything and pass nothing on."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def heal(self) -> None:
        """Let everything pass again."""
        assert self._server is not None
        if self._server.is_serving():
            self._loop.call_soon_threadsafe(self._flows.set)
        else:
            self._do(self._open())

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextlib.contextmanager
def proxied(address: str) -> Iterator[Proxy]:
    """A proxy in front of a server."""
    proxy = Proxy(address)
    try:
        yield proxy
    finally:
        proxy.stop()
