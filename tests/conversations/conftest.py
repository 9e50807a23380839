"""A running companion: both processes under the supervisor, on ports of their own, as a newcomer would start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """Talks to the running companion over HTTP."""

    port: int
    process: subprocess.Popen[str]
    log: Path
    outbox: Path

    def request(self, path: str, body: bytes | None = None, timeout: float = 30) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def say(self, text: Any, sender: Any = None) -> list[dict[str, Any]]:
        body = json.dumps({"sender": sender or uuid.uuid4().hex, "message": text}).encode()
        status, answer = self.request("/webhooks/rest/webhook", body)
        assert status == 200, answer
        replies: list[dict[str, Any]] = json.loads(answer)
        return replies

    def processes(self, module: str) -> list[int]:
        """Ids of the supervisor's children that run a module."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", module], capture_output=True, text=True)
        return [int(line) for line in found.stdout.split()]


def start(model: Path, folder: Path, **more: str) -> Server:
    port, log = free_port(), folder / "serve.log"
    environment = {
        **os.environ,
        "PORT": str(port),
        "IL2_MODELS": str(model.parent),
        "IL2_OUTBOX": str(folder / "escalations.db"),
        "IL2_JOURNAL": f"sqlite:///{folder}/journal.db",
        **more,
    }
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.runtime.serve"],
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    limit = time.monotonic() + 150
    while "answers at" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.1)
    return Server(port, process, log, folder / "escalations.db")


def stop(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(timeout=60)


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The companion, started once for all tests over REST."""
    running = start(model, tmp_path_factory.mktemp("server"))
    yield running
    stop(running)
