"""Redis and PostgreSQL of the fault tests' own, to be stopped and frozen without harm to anybody; RabbitMQ by proxy.

A RabbitMQ node is not started: the one that runs on the machine is reached through a proxy that cuts the connection.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import redis

from tests.faults.network import free_port

RABBITMQ = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")


def _postgres_bin() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def missing() -> str:
    """What this machine lacks for the rows of the cluster, and how to get it; "" when nothing."""
    from bot.runtime import front

    lacking = []
    if front.find() is None:
        lacking.append("nginx (apt-get install nginx-light)")
    if shutil.which("redis-server") is None:
        lacking.append("redis-server (apt-get install redis-server)")
    if _postgres_bin() is None:
        lacking.append("PostgreSQL (apt-get install postgresql)")
    elif os.geteuid() == 0 and not _other_user():
        lacking.append("a user `postgres` (PostgreSQL does not run as root)")
    at = urlsplit(RABBITMQ)
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex((at.hostname or "127.0.0.1", at.port or 5672)):
            lacking.append("RabbitMQ (apt-get install rabbitmq-server, or name one with RABBITMQ_URL)")
    return ", ".join(lacking)


def _other_user() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return ""


class Redis:
    """A Redis of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with contextlib.suppress(redis.RedisError):
                redis.Redis(port=self.port).ping()
                return
            time.sleep(0.05)
        raise RuntimeError("Redis did not start")

    @property
    def up(self) -> bool:
        return self.process is not None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait()
            self.process = None


class Postgres:
    """A PostgreSQL of its own, under a user that is not root."""

    def __init__(self) -> None:
        place = _postgres_bin()
        assert place is not None
        self._bin, self.port = place, free_port()
        self._home = Path(tempfile.mkdtemp(prefix="il2-faults-pg-"))
        self._as = ["runuser", "-u", _other_user(), "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self._home, _other_user())
        self._home.chmod(0o700)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, *command: str) -> None:
        subprocess.run([*self._as, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def make(self) -> None:
        data = str(self._home / "data")
        self._run(str(self._bin / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        data, log = str(self._home / "data"), str(self._home / "log")
        self._run(str(self._bin / "pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")

    def stop(self, how: str = "immediate") -> None:
        self._run(str(self._bin / "pg_ctl"), "-D", str(self._home / "data"), "-m", how, "-w", "stop")

    @property
    def up(self) -> bool:
        return (self._home / "data" / "postmaster.pid").exists()

    def pids(self) -> list[int]:
        """The server and its backends."""
        first = int((self._home / "data" / "postmaster.pid").read_text().splitlines()[0])
        found = subprocess.run(["pgrep", "-P", str(first)], capture_output=True, text=True).stdout.split()
        return [first, *map(int, found)]

    def create(self, name: str) -> str:
        """A new, empty database; its name."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        return name

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


class Engines:
    """Both, started at the first use and removed at the end of the run."""

    def __init__(self) -> None:
        self._redis: Redis | None = None
        self._postgres: Postgres | None = None

    @property
    def redis(self) -> Redis:
        if self._redis is None:
            self._redis = Redis()
            self._redis.start()
        return self._redis

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            self._postgres = Postgres()
            self._postgres.make()
        return self._postgres

    def remove(self) -> None:
        if self._redis is not None:
            self._redis.stop()
        if self._postgres is not None:
            self._postgres.remove()
        self._redis = self._postgres = None


ENGINES = Engines()
