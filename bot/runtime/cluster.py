"""``python -m bot.runtime.cluster``: the cluster on one machine, as plain processes.

Rasa workers and action servers behind nginx, on the PostgreSQL, Redis and RabbitMQ that it finds. ``--switch`` gives a
running cluster new workers with the present model, and takes the old ones away once the new ones have answered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from bot import clinic as clinics
from bot import secret
from bot.runtime import front, migrate, train
from bot.runtime.serve import ServeError, Service, check_free, chosen_port, free_port, services
from bot.stores import database
from bot.stores.schema import NewerSchema

DRAIN = float(os.environ.get("IL2_DRAIN", "11"))
"""Seconds that old workers get to finish after nginx has turned away from them: a turn takes at most nine."""
QUIET = ("log_min_error_statement = 'panic'", "log_error_verbosity = 'terse'")
"""PostgreSQL's log otherwise holds each statement that fails, with the patient's words in it."""
SWITCH_LIMIT = 300.0
"""Seconds that ``--switch`` waits."""


@dataclass
class Process(Service):
    """A process of the cluster; the folder of the cluster holds its log, and the state names it."""

    kind: str = ""
    port: int = 0
    folder: Path = Path("var/cluster")
    told: Callable[[], None] = field(default=lambda: None)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log" / f"{self.name.replace(' ', '-')}.log"

    async def start(self) -> None:
        """Start it and tell of its new number."""
        await super().start()
        self.told()

    def _signal(self, number: int) -> None:
        # nginx finishes what it has begun on SIGQUIT, and cuts it off on SIGTERM.
        super()._signal(signal.SIGQUIT if self.kind == "nginx" and number == signal.SIGTERM else number)

    def described(self) -> dict[str, Any]:
        """Its line in the state."""
        pid = self.process.pid if self.process else None
        return {"name": self.name, "kind": self.kind, "pid": pid, "port": self.port, "health": self.health}


@dataclass(frozen=True)
class Backends:
    """Where the shared parts are, and the name under which this cluster uses them."""

    database: str
    redis: str
    rabbitmq: str
    prefix: str

    @classmethod
    def found(cls, folder: Path) -> Backends:
        """From the environment, else this machine's own; each folder has a database and names of its own."""
        prefix = os.environ.get("IL2_PREFIX") or f"il2-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
        return cls(
            os.environ.get("DATABASE_URL") or f"postgresql://postgres@127.0.0.1:5432/{prefix.replace('-', '_')}",
            os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
            os.environ.get("RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672/",
            prefix,
        )

    def environment(self) -> dict[str, str]:
        """What the processes are told."""
        return {
            "DATABASE_URL": self.database,
            "REDIS_URL": self.redis,
            "RABBITMQ_URL": self.rabbitmq,
            "IL2_PREFIX": self.prefix,
            "IL2_JOURNAL": self.database,
            "IL2_OUTBOX": self.database,
            "IL2_RATES": self.redis,
        }

    def check(self) -> None:
        """Find all three and make the database.

        Raises:
            ServeError: naming the one that is missing and how to get it.
        """
        import redis
        from aio_pika import connect

        try:
            make_database(self.database)
        except sa.exc.OperationalError as error:
            raise ServeError(_missing("PostgreSQL", "DATABASE_URL", self.database, "postgresql", error)) from None
        try:
            redis.Redis.from_url(self.redis, socket_connect_timeout=3, socket_timeout=3).ping()
        except (redis.RedisError, OSError) as error:
            raise ServeError(_missing("Redis", "REDIS_URL", self.redis, "redis-server", error)) from None

        async def knock() -> None:
            await (await connect(self.rabbitmq, timeout=5)).close()

        try:
            asyncio.run(knock())
        except (OSError, TimeoutError, ConnectionError, RuntimeError) as error:
            raise ServeError(_missing("RabbitMQ", "RABBITMQ_URL", self.rabbitmq, "rabbitmq-server", error)) from None
        try:
            migrate.migrate([(part, self.database) for part in migrate.SHARED])
        except (sa.exc.SQLAlchemyError, NewerSchema) as error:
            raise ServeError(f"the database could not be brought to this version ({type(error).__name__}).") from None


def make_database(address: str) -> None:
    """Make the database that the address names, if it is not there."""
    url = sa.engine.make_url(address)
    try:
        _connect(url, sa.text("SELECT 1"))
    except sa.exc.OperationalError as error:
        if "does not exist" not in str(error.orig) or not url.database:
            raise
        name = url.database.replace('"', '""')
        try:
            _connect(url.set(database="postgres"), sa.text(f'CREATE DATABASE "{name}"'))
        except sa.exc.ProgrammingError:
            _connect(url, sa.text("SELECT 1"))  # another cluster has just made it
            return
        for setting in QUIET:
            with contextlib.suppress(sa.exc.ProgrammingError):  # only an administrator may
                _connect(url, sa.text(f'ALTER DATABASE "{name}" SET {setting}'))


def _connect(url: sa.engine.URL, statement: Any) -> None:
    engine = database.engine(url)
    try:
        with database.patience(10), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(sa.text("SET statement_timeout = 0"))
            db.execute(statement)
    finally:
        engine.dispose()


def _missing(what: str, variable: str, address: str, package: str, error: Exception) -> str:
    at = urlsplit(address)
    return (
        f"{what} does not answer at {at.hostname}:{at.port} ({type(error).__name__}). Start it (Debian: apt-get "
        f"install {package}), or name another one with {variable}."
    )


class Cluster:
    """The processes, nginx' configuration and the state file."""

    def __init__(self, folder: Path, port: int, backends: Backends, nginx: str) -> None:
        """Nothing is started yet."""
        self.folder, self.port, self.backends = folder, port, backends
        self.host = os.environ.get("HOST", "127.0.0.1")
        self._actions_port = free_port()
        self._workers: list[Process] = []
        self._actions: list[Process] = []
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._generation, self._started, self._error = 0, 0, ""
        command = [nginx, "-p", str(folder), "-c", str(folder.resolve() / "nginx.conf"), "-g", self._directives()]
        nginx_itself = Service("nginx", command, f"http://127.0.0.1:{port}/health")
        self._nginx = self._process("nginx", "nginx", nginx_itself, port)

    @staticmethod
    def _directives() -> str:
        # For root nginx would change to a user who may not be able to read this folder.
        return "daemon off;" + (" user root;" if os.geteuid() == 0 else "")

    def _process(self, name: str, kind: str, like: Service, port: int, **more: str) -> Process:
        """A process of this cluster that runs like a service of the embedded default."""
        environment = {**like.environment, **more}
        return Process(
            name, like.command, like.health, environment,
            live=like.live, kind=kind, port=port, folder=self.folder, told=self.write_state,
        )  # fmt: skip

    # -- making processes ------------------------------------------------------------------------------

    def _new_pair(self, number: int) -> tuple[Process, Process]:
        """An action server and a Rasa worker as the embedded default makes them, on the shared parts."""
        port = free_port()
        actions, rasa = services("127.0.0.1", port, train.model_path())
        shared = {**self.backends.environment(), "IL2_SECRET": secret.secret().decode()}
        endpoints = {
            "ACTION_ENDPOINT_URL": f"http://127.0.0.1:{self._actions_port}/webhook",
            "SANIC_PROXIES_COUNT": "1",
        }
        if "IL2_ENDPOINTS" not in os.environ:
            rasa.command[rasa.command.index("--endpoints") + 1] = "endpoints.cluster.yml"
        action_port = int(urlsplit(actions.health).port or 0)
        return (
            self._process(f"actions {number}", "actions", actions, action_port, **shared),
            self._process(f"rasa {number}", "rasa", rasa, port, **shared, **endpoints),
        )

    async def _new_workers(self, count: int) -> list[Process]:
        """Start Rasa workers and wait until each has answered a real message.

        Raises:
            ServeError: when one does not; then none is left.
        """
        workers = []
        for _ in range(count):
            self._started += 1
            workers.append(self._new_pair(self._started)[1])
        return await self._ready(workers)

    async def _ready(self, processes: list[Process]) -> list[Process]:
        try:
            for process in processes:
                process.log.parent.mkdir(parents=True, exist_ok=True)
                process.log.unlink(missing_ok=True)
            await asyncio.gather(*(process.start() for process in processes))
            await asyncio.gather(*(process.until_ready() for process in processes))
        except BaseException:
            await asyncio.gather(*(process.stop() for process in processes))
            raise
        return processes

    def _keep(self, processes: list[Process]) -> None:
        for process in processes:
            self._keepers[process.name] = asyncio.ensure_future(process.keep())

    async def _retire(self, processes: list[Process]) -> None:
        for process in processes:
            if keeper := self._keepers.pop(process.name, None):
                keeper.cancel()
        await asyncio.gather(*(process.stop() for process in processes))

    # -- nginx and the state ---------------------------------------------------------------------------

    def _write_configuration(self) -> None:
        named = ("IL2_NGINX_RATE", "IL2_NGINX_TRUSTED")
        values = {
            **{name: os.environ[name] for name in named if name in os.environ},
            "IL2_NGINX_LOG": str(self.folder.resolve() / "log" / "nginx-access.log"),
            "IL2_NGINX_TLS": str(self.folder.resolve() / "tls"),
            "IL2_NGINX_LISTEN": f"{self.host}:{self.port}",
            "IL2_RASA_SERVERS": front.servers([worker.port for worker in self._workers]),
            "IL2_ACTION_SERVERS": front.servers([actions.port for actions in self._actions]),
            "IL2_ACTIONS_LISTEN": f"127.0.0.1:{self._actions_port}",
        }
        front.write(self.folder, values)

    def write_state(self) -> None:
        """Tell other programs what runs where."""
        processes = [*self._workers, *self._actions, self._nginx]
        state = {
            "url": f"http://{self.host}:{self.port}",
            "supervisor": os.getpid(),
            "generation": self._generation,
            "error": self._error,
            "processes": [process.described() for process in processes if process.process],
            "database": self.backends.database,
            "redis": self.backends.redis,
            "rabbitmq": self.backends.rabbitmq,
            "prefix": self.backends.prefix,
        }
        front.replace(self.folder / "state.json", json.dumps(state, indent=1))

    # -- what it does ----------------------------------------------------------------------------------

    async def start(self, count: int) -> None:
        """Start everything and wait until a message was answered through nginx."""
        pairs = [self._new_pair(number) for number in range(1, count + 1)]
        self._started = count
        await self._ready([process for pair in pairs for process in pair])
        self._actions, self._workers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self._write_configuration()
        await self._ready([self._nginx])
        self._keep([*self._workers, *self._actions, self._nginx])

    async def switch(self) -> None:
        """Replace the workers by new ones with the present model; while that goes on the old ones answer."""
        self._error, old = "", self._workers
        try:
            print("· starting new workers", flush=True)
            new = await self._new_workers(len(old))
        except ServeError as error:
            self._error = str(error)
            print(f"· not switched: {error}", flush=True)
        else:
            self._workers = new
            self._write_configuration()
            self._nginx._signal(signal.SIGHUP)
            self._keep(new)
            await asyncio.sleep(DRAIN)
            await self._retire(old)
            print("· switched to the new workers", flush=True)
        self._generation += 1
        self.write_state()

    async def stop(self) -> None:
        """Stop everything, nginx first."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await self._nginx.stop()
        await asyncio.gather(*(process.stop() for process in (*self._workers, *self._actions)))
        (self.folder / "state.json").unlink(missing_ok=True)


async def run(cluster: Cluster, count: int) -> None:
    """Start, watch and stop the cluster; SIGHUP switches the workers."""
    stopped, switching = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, switching.set)
    stop = asyncio.ensure_future(stopped.wait())
    try:
        print(f"· starting {count} Rasa workers, {count} action servers and nginx", flush=True)
        starting = asyncio.ensure_future(cluster.start(count))
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, ServeError):
                await starting
            return
        await starting
        print(f"The cluster answers at http://{cluster.host}:{cluster.port}/ (Ctrl-C stops it)", flush=True)
        while not stop.done():
            asked = asyncio.ensure_future(switching.wait())
            await asyncio.wait((asked, stop), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if switching.is_set() and not stop.done():
                switching.clear()
                change = asyncio.ensure_future(cluster.switch())
                await asyncio.wait((change, stop), return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
    finally:
        stop.cancel()
        await cluster.stop()
        print("· stopped", flush=True)


def ask_to_switch(folder: Path) -> None:
    """Have the running cluster switch to the present model, and wait until it has.

    Raises:
        ServeError: when none runs, or it could not.
    """

    def state() -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ServeError(f"no cluster runs in {folder}.") from None
        return told

    before = state()
    try:
        os.kill(before["supervisor"], signal.SIGHUP)
    except ProcessLookupError:
        raise ServeError(f"the cluster of {folder} has ended.") from None
    limit = time.monotonic() + SWITCH_LIMIT
    while (now := state())["generation"] == before["generation"]:
        if time.monotonic() > limit:
            raise ServeError(f"the cluster had not switched after {SWITCH_LIMIT:.0f} s.")
        time.sleep(0.2)
    if now["error"]:
        raise ServeError(f"the old workers go on: {now['error']}")


def started(folder: Path) -> Cluster:
    """Check everything that a cluster needs.

    Raises:
        ServeError: in one sentence, when something is missing.
    """
    clinics.load()
    port = chosen_port()
    check_free(os.environ.get("HOST", "127.0.0.1"), port)
    if not train.model_path().is_file():
        raise ServeError(f"there is no trained model ({train.model_path()}). Run: make train")
    nginx = front.install()
    if nginx is None:
        raise ServeError(front.HOW)
    backends = Backends.found(folder)
    backends.check()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # nginx may be somebody else
    subprocess.run([sys.executable, "-m", "bot.runtime.front", str(folder)], check=True)
    return Cluster(folder, port, backends, nginx)


def main() -> int:
    """Serve until told to stop, or tell a running cluster to switch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switch", action="store_true", help="give the running cluster new workers")
    options = parser.parse_args()
    folder = Path(os.environ.get("IL2_CLUSTER_DIR", "var/cluster"))
    secret.keep_to_this_user()
    try:
        if options.switch:
            ask_to_switch(folder)
        else:
            count = os.environ.get("IL2_WORKERS", "2")
            if not count.isdigit() or int(count) < 1:
                raise ServeError(f"IL2_WORKERS is {count!r}; write a number from 1 on.")
            asyncio.run(run(started(folder), int(count)))
    except (ServeError, clinics.ClinicError) as error:
        print(f"Not {'switched' if options.switch else 'started'}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
