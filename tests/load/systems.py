"""What is put under load: the companion, the companion as a cluster, and stock Rasa."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import aiohttp

from tests.faults.clusters import ClusterCompanion
from tests.faults.systems import ROOT, Bare, Companion, System, descendants
from tests.load import bare

TICKS = os.sysconf("SC_CLK_TCK")


class OneWorker(Companion):
    """As ``make run`` starts it."""


class TwoWorkers(ClusterCompanion):
    """As ``make cluster`` starts it; nginx takes as many connections from one address as come."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        (self.folder / "deploy").unlink()
        shutil.copytree(ROOT / "deploy", self.folder / "deploy")
        conf = self.folder / "deploy" / "nginx.conf"
        text = conf.read_text(encoding="utf-8")
        conf.write_text(text.replace("limit_conn connections 100;", "limit_conn connections 10000;"), encoding="utf-8")


class Stock(Bare):
    """Rasa as published with the pipeline of ``rasa init``, its stores in SQLite and in memory."""

    def __init__(self, name: str, model: Path) -> None:
        System.__init__(self, name)
        self.model = model
        bare.write(self.folder)
        endpoints = f"action_endpoint:\n  url: {self.stub.url}\n"
        endpoints += "tracker_store:\n  type: SQL\n  dialect: sqlite\n  db: tracker.db\n"
        (self.folder / "endpoints.yml").write_text(endpoints, encoding="utf-8")
        self.tracker = f"sqlite:///{self.folder}/tracker.db"
        self.environment = dict(bare.ENVIRONMENT)
        self._keeper = None

    def command(self) -> list[str]:
        return [*bare.COMMAND, "run", "--model", str(self.model), "--port", str(self.port), "--interface", "127.0.0.1"]

    async def ready(self) -> bool:
        """Whether a message gets words, as the companion's health check asks too."""
        body = {"sender": f"ready-{time.monotonic()}", "message": "hello"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
                session.post(f"{self.url}/webhooks/rest/webhook", json=body) as answer,
            ):
                return bool(await answer.json(content_type=None))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False


def family(system: System) -> list[int]:
    """All processes of a system."""
    assert system.process is not None
    return [system.process.pid, *descendants(system.process.pid)]


def cpu(pids: list[int]) -> float:
    """Seconds of processor time that processes have used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory(pids: list[int]) -> float:
    """Their resident memory in MB; what they share (PSS) counts once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1000
