"""The companion as ``make cluster`` starts it, and two bare Rasa workers on the same engines, behind TCP proxies."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.faults import stores
from tests.faults.engines import ENGINES, RABBITMQ
from tests.faults.history import Stored
from tests.faults.network import Proxy, free_port
from tests.faults.patients import Patient, RestPatient
from tests.faults.systems import ROOT, Bare, Companion


class _Shared:
    """The engines that both clusters share, each behind a proxy."""

    def __init__(self, name: str) -> None:
        # A row that broke off may have left one of them stopped.
        if not ENGINES.postgres.up:
            ENGINES.postgres.start()
        if not ENGINES.redis.up:
            ENGINES.redis.start()
        self.database = ENGINES.postgres.create(name.lower().replace("-", "_"))
        at = urlsplit(RABBITMQ)
        self.postgres = Proxy("127.0.0.1", ENGINES.postgres.port)
        self.redis = Proxy("127.0.0.1", ENGINES.redis.port)
        self.rabbitmq = Proxy(at.hostname or "127.0.0.1", at.port or 5672)
        self._login = at.netloc.rpartition("@")[0] or "guest:guest"

    @property
    def all(self) -> list[Proxy]:
        return [self.postgres, self.redis, self.rabbitmq]

    @property
    def direct(self) -> str:
        """The database without the proxy, for the checker."""
        return f"postgresql://postgres@127.0.0.1:{ENGINES.postgres.port}/{self.database}"

    def environment(self, prefix: str) -> dict[str, str]:
        return {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.postgres.port}/{self.database}",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
            "RABBITMQ_URL": f"amqp://{self._login}@127.0.0.1:{self.rabbitmq.port}/",
            "IL2_PREFIX": prefix,
        }


class ClusterCompanion(Companion):
    """Two Rasa workers, two action servers and nginx."""

    endpoints = "endpoints.cluster.yml"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.prefix = f"il2-faults-{os.getpid()}-{name.lower().replace(' ', '-')}"
        self.shared = _Shared(self.prefix)
        endpoints = yaml.safe_load((ROOT / self.endpoints).read_text(encoding="utf-8"))
        self._write("endpoints.yml", endpoints)
        self.tracker = self.journal = self.outbox = self.shared.direct
        self.environment = {
            **self.shared.environment(self.prefix),
            "IL2_CLUSTER_DIR": "var/cluster",
            "IL2_NGINX_RATE": "100000r/s",
        }

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bot.runtime.cluster"]

    async def start(self) -> None:
        for proxy in self.shared.all:
            await proxy.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        for proxy in self.shared.all:
            await proxy.stop()
        await drained(self.prefix)

    def processes(self, kind: str) -> list[dict[str, Any]]:
        state = json.loads((self.folder / "var/cluster/state.json").read_text(encoding="utf-8"))
        return [process for process in state["processes"] if process["kind"] == kind and process["pid"]]

    def rasa(self) -> list[int]:
        return [process["pid"] for process in self.processes("rasa") if Path(f"/proc/{process['pid']}").exists()]

    def workers(self) -> list[str]:
        """The addresses of the workers behind nginx."""
        return [f"http://127.0.0.1:{process['port']}" for process in self.processes("rasa")]

    async def switch(self) -> None:
        """Blue/green: new workers with the present model."""
        command = [*self.command(), "--switch"]
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(ROOT), "PORT": str(self.port)}
        done = await asyncio.create_subprocess_exec(*command, cwd=self.folder, env=environment)
        if await done.wait():
            raise RuntimeError("the cluster did not switch")


class TwoBare(Bare):
    """Two bare Rasa workers with Rasa's own stores for Redis, PostgreSQL and RabbitMQ; patients meet either."""

    def __init__(self, name: str) -> None:
        prefix = f"bare-faults-{os.getpid()}-{name.lower().replace(' ', '-')}"
        self.shared = _Shared(prefix)
        self.prefix = prefix
        super().__init__(
            name,
            tracker_store={
                "type": "SQL", "dialect": "postgresql", "url": "127.0.0.1", "port": self.shared.postgres.port,
                "db": self.shared.database, "username": "postgres", "password": "x",
            },
            lock_store={"type": "redis", "url": "127.0.0.1", "port": self.shared.redis.port, "key_prefix": prefix[:20]},
            event_broker={
                "type": "pika", "url": "127.0.0.1", "port": self.shared.rabbitmq.port,
                "username": "guest", "password": "guest", "queues": [prefix], "exchange_name": prefix,
            },
        )  # fmt: skip
        self.tracker = self.shared.direct
        self.second: subprocess.Popen[bytes] | None = None
        self.other_port = free_port()

    async def start(self) -> None:
        for proxy in self.shared.all:
            await proxy.start()
        await super().start()

    def launch(self) -> None:
        first = self.process
        if first is None or first.poll() is not None:
            super().launch()
        if self.second is None or self.second.poll() is not None:
            self.port, self.other_port, kept = self.other_port, self.port, self.process
            super().launch()
            self.port, self.other_port = self.other_port, self.port
            self.second, self.process = self.process, kept
            self.url = f"http://127.0.0.1:{self.port}"

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if any(one is not None and one.poll() is not None for one in (self.process, self.second)):
                self.launch()

    def kill_all(self) -> None:
        super().kill_all()
        if self.second is not None:
            self.second.kill()
            self.second.wait()

    async def stop(self) -> None:
        await super().stop()
        for proxy in self.shared.all:
            await proxy.stop()
        await drained(self.prefix)

    def rasa(self) -> list[int]:
        return [one.pid for one in (self.process, self.second) if one is not None and one.poll() is None]

    def workers(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in (self.port, self.other_port)]

    async def ready(self) -> bool:
        for url in self.workers():
            self.url, kept = url, self.url
            good = await self._status("/webhooks/rest/") == 200
            self.url = kept
            if not good:
                return False
        return True

    def arrives(self, name: str, rng: random.Random, url: str = "") -> Patient:
        patient = super().arrives(name, rng, url)
        assert isinstance(patient, RestPatient)
        if not url:
            patient.either = self.workers()
        return patient

    def stored(self) -> Stored:
        stored = stores.read("", self.tracker, "", [])
        stored.tracker = [(sender, "", text) for sender, _, text in stored.tracker]
        return stored


async def drained(queue: str) -> list[tuple[str, dict[str, Any]]]:
    """Everything that waits in a queue, in order: (message id, headers); the queue and its exchange go."""
    import aio_pika

    found = []
    connection = await aio_pika.connect(RABBITMQ)
    try:
        for name in (queue, f"{queue}-events"):
            channel = await connection.channel()
            try:
                source = await channel.get_queue(name, ensure=True)
            except aio_pika.exceptions.ChannelClosed:
                continue
            while (message := await source.get(no_ack=True, fail=False)) is not None:
                found.append((str(message.message_id), dict(message.headers)))
            await source.delete(if_unused=False, if_empty=False)
            await channel.exchange_delete(queue)
    finally:
        await connection.close()
    return found
