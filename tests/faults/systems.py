"""The systems under test, each in a folder of its own: the companion as ``make run`` starts it, and a bare Rasa."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bot.channels.web import sender_of
from bot.escalations import conversation_hash
from tests.faults import bare, stores
from tests.faults.history import Sent, Stored
from tests.faults.network import ActionStub, Team, free_port
from tests.faults.patients import Patient, RestPatient, WebPatient

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "var" / "faults"
SECRET = "secret of the fault tests"
LINKS = ("bot", "actions", "data", "deploy", "domain.yml", "config.yml", "endpoints.cluster.yml", "models", "tests")
START_LIMIT = 150.0


class System(abc.ABC):
    """A system that runs in a folder, and what its stores hold."""

    kind = ""
    patient: type[Patient]

    def __init__(self, name: str) -> None:
        self.folder = HOME / f"{name}-{self.kind}".replace(" ", "-")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "var").mkdir(parents=True)
        self.port, self.url = free_port(), ""
        self.environment: dict[str, str] = {}
        self.stub, self.team = ActionStub(), Team()
        self.process: subprocess.Popen[bytes] | None = None
        self.patients: list[Patient] = []

    @abc.abstractmethod
    def command(self) -> list[str]:
        """What starts the system."""

    @abc.abstractmethod
    def rasa(self) -> list[int]:
        """Ids of the Rasa processes."""

    @abc.abstractmethod
    async def ready(self) -> bool:
        """Whether patients can be answered, by the system's own health check."""

    @abc.abstractmethod
    def stored(self) -> Stored:
        """What the stores hold."""

    @abc.abstractmethod
    def key(self, sent: Sent) -> tuple[str, str]:
        """Sender and message as the tracker store knows them."""

    @abc.abstractmethod
    def advised(self, sent: Sent) -> bool:
        """Whether the words to a red flag are its advice."""

    async def start(self) -> None:
        await self.stub.start()
        await self.team.start()
        self.launch()
        await self.until_ready()

    def launch(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PORT": str(self.port),
            "IL2_SECRET": SECRET,
            "IL2_FAULTS": str(self.folder),
            "IL2_ALERT_TEAM": self.team.target,
            "RASA_TELEMETRY_ENABLED": "false",
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            "OMP_NUM_THREADS": "1",
            "LOG_LEVEL": "WARNING",
            **self.environment,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    async def until_ready(self, limit: float = START_LIMIT) -> float:
        """Seconds until the health check is good.

        Raises:
            RuntimeError: when it does not become so.
        """
        began = time.monotonic()
        while time.monotonic() - began < limit:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the system ended, see {self.folder}/log")
            if await self.ready():
                return time.monotonic() - began
            await asyncio.sleep(0.2)
        raise RuntimeError(f"the system was not ready, see {self.folder}/log")

    async def restart_cold(self, model: Path, content: bytes | None) -> None:
        """End everything and start it with another model file, or none; the start may fail."""
        self.kill_all()
        model.unlink(missing_ok=True)
        if content is not None:
            model.write_bytes(content)
        self.launch()

    async def stop(self) -> None:
        for patient in self.patients:
            await patient.leave()
        self.kill_all()
        await self.stub.stop()
        await self.team.stop()

    def kill_all(self) -> None:
        if self.process is not None:
            # The supervisor first: it would start the others again.
            for pid in [self.process.pid, *descendants(self.process.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def arrives(self, name: str, rng: random.Random, url: str = "") -> Patient:
        """A new patient, with a date that nobody else has."""
        patient = self.patient(name, url or self.url, 1 + len(self.patients) % 31, rng)
        self.patients.append(patient)
        return patient

    async def _status(self, path: str, limit: float = 5.0) -> int:
        timeout = aiohttp.ClientTimeout(total=limit)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{self.url}{path}") as answer:
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0


def descendants(pid: int) -> list[int]:
    """All children of a process and theirs, the youngest last."""
    found: list[int] = []
    for line in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split():
        found += [int(line), *descendants(int(line))]
    return found


def running(pid: int, words: str) -> list[int]:
    """Descendants whose command line holds some words."""
    return [
        child
        for child in descendants(pid)
        if words in Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    ]


class Companion(System):
    """The companion as ``make run`` starts it: a supervisor, the Rasa server, the action server behind the stub."""

    kind = "companion"
    patient = WebPatient
    endpoints = "endpoints.yml"

    def __init__(self, name: str, **endpoints: Any) -> None:
        super().__init__(name)
        for link in LINKS:
            if (ROOT / link).exists():
                (self.folder / link).symlink_to(ROOT / link)
        (self.folder / "var" / "encoder").symlink_to(ROOT / "var" / "encoder")
        clinic = yaml.safe_load((ROOT / "clinic.yml").read_text(encoding="utf-8"))
        self._write("clinic.yml", clinic | {"alerts": ["IL2_ALERT_TEAM"], "demo": False, "team_number": "+1 555 0100"})
        channels = yaml.safe_load((ROOT / "credentials.yml").read_text(encoding="utf-8"))
        # The patients of the tests are many at one address.
        channels["bot.channels.web.WebInput"] = dict.fromkeys(
            ("messages_per_conversation", "conversations_per_address", "calls_per_address"), "100000/minute"
        )
        self._write("credentials.yml", channels)
        action_port = free_port()
        self.stub = ActionStub(f"http://127.0.0.1:{action_port}/webhook")
        settings = yaml.safe_load((ROOT / self.endpoints).read_text(encoding="utf-8"))
        settings["action_endpoint"] = {"url": self.stub.url}
        for name, value in endpoints.items():
            settings[name] = {**settings.get(name, {}), **value}
        self._write("endpoints.yml", settings)
        var = self.folder / "var"
        self.outbox, self.journal = f"sqlite:///{var}/escalations.db", f"sqlite:///{var}/journal.db"
        self.tracker = f"sqlite:///{var}/conversations.db"
        self.environment = {"ACTION_PORT": str(action_port)}

    def _write(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bot.runtime.serve"]

    def rasa(self) -> list[int]:
        assert self.process is not None
        return running(self.process.pid, "bot.runtime.rasa run")

    def actions(self) -> list[int]:
        assert self.process is not None
        return running(self.process.pid, "bot.runtime.actions")

    async def ready(self) -> bool:
        return await self._status("/health") == 200

    def stored(self) -> Stored:
        return stores.read(self.journal, self.tracker, self.outbox, self.team.taken)

    def _of(self, patient: str) -> WebPatient:
        found = next(one for one in self.patients if one.name == patient)
        assert isinstance(found, WebPatient)
        return found

    def conversation(self, patient: str) -> str:
        return self._of(patient).conversation

    def key(self, sent: Sent) -> tuple[str, str]:
        return sender_of(self.conversation(sent.patient)), f"web-{sent.id}"

    def escalation(self, sent: Sent) -> tuple[str, str]:
        sender, message = self.key(sent)
        return conversation_hash(sender), message

    def advised(self, sent: Sent) -> bool:
        return sent.escalated or not sent.replies


class Bare(System):
    """A bare Rasa, started again when it ends, as any supervisor would."""

    kind = "bare"
    patient = RestPatient

    def __init__(self, name: str, **endpoints: Any) -> None:
        super().__init__(name)
        home = HOME / "bare-model"
        home.mkdir(parents=True, exist_ok=True)
        self.model = bare.model(home)
        bare.write(self.folder, self.stub.url, **endpoints)
        self.tracker = f"sqlite:///{self.folder}/{endpoints.get('tracker_store', {}).get('db', 'tracker.db')}"
        self._keeper: asyncio.Task[None] | None = None

    def command(self) -> list[str]:
        return bare.command("run", "--model", str(self.model), "--port", str(self.port), "--interface", "127.0.0.1")

    async def start(self) -> None:
        await super().start()
        self._keeper = asyncio.ensure_future(self._keep())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self.process is not None and self.process.poll() is not None:
                self.launch()

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        await super().stop()

    def rasa(self) -> list[int]:
        return [self.process.pid] if self.process is not None and self.process.poll() is None else []

    async def ready(self) -> bool:
        return await self._status("/webhooks/rest/") == 200

    def stored(self) -> Stored:
        stored = stores.read("", self.tracker, "", [])
        # REST gives every message a random id: only its words name it.
        stored.tracker = [(sender, "", text) for sender, _, text in stored.tracker]
        return stored

    def key(self, sent: Sent) -> tuple[str, str]:
        found = next(one for one in self.patients if one.name == sent.patient)
        assert isinstance(found, RestPatient)
        return found.sender, sent.line.text

    def advised(self, sent: Sent) -> bool:
        return bare.ADVICE in sent.text
