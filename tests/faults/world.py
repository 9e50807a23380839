"""One run of one row: patients talk through calm, fault and healing, then the checker looks at what is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults import checker
from tests.faults.checker import Limits
from tests.faults.history import Line, Sent, Stored
from tests.faults.patients import Patient
from tests.faults.systems import Companion, System


@dataclass
class Result:
    """What one run of one row has shown."""

    row: str
    system: str
    seed: int
    bit: bool = False
    why_not: str = ""
    messages: int = 0
    flags: int = 0
    flag_worst: float = 0.0
    other_worst: float = 0.0
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        return self.bit and not self.violations


class World:
    """A system, its patients, and the phase that the run is in."""

    def __init__(self, row: str, system: System, seed: int, pace: float = 0.4) -> None:
        self.system, self.rng, self.pace = system, random.Random(f"{row} {seed}"), pace
        self.result = Result(row, system.kind, seed)
        self.phase = "calm"
        # A system may serve several worlds, one after the other.
        system.patients.clear()
        self.history: list[Sent] = []
        self._talks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self._bites: list[str] = []
        self.afterwards: list[Callable[[], object]] = []
        """What to undo once the system has stopped."""

    # -- patients --------------------------------------------------------------------------------------

    async def talk(self, count: int = 4, seconds: float = 3.0) -> None:
        """Have patients come in and talk until the end; returns when the calm is over."""
        for number in range(count):
            patient = self.arrives(f"p{number}")
            self._talks.append(asyncio.ensure_future(self._talk(patient)))
        await asyncio.sleep(seconds)

    def arrives(self, name: str, url: str = "") -> Patient:
        patient = self.system.arrives(name, random.Random(f"{name} {self.rng.random()}"), url)
        patient.history = _Shared(self.history)
        return patient

    async def _talk(self, patient: Patient) -> None:
        for line in patient.script():
            if self._over.is_set():
                return
            await patient.say(line, self.phase)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), patient.rng.uniform(0.5, 1.5) * self.pace)

    async def ask(self, patient: Patient, *lines: Line) -> list[Sent]:
        """One patient says some things, one after the other."""
        return [await patient.say(line, self.phase) for line in lines]

    # -- phases ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def fault(self, seconds: float = 0.0) -> AsyncIterator[None]:
        """The phase of the fault: the block injects it, and it lasts for some more seconds."""
        self.phase = "fault"
        yield
        await asyncio.sleep(seconds)

    async def heal(self, seconds: float = 3.0) -> None:
        """The fault is over: the patients go on for a while, finish what they say, and leave."""
        self.phase = "heal"
        await asyncio.sleep(seconds)
        self._over.set()
        await asyncio.gather(*self._talks)

    def bit(self, happened: object, what: str) -> None:
        """Record whether the fault has bitten; every injector must say so."""
        if happened:
            self._bites.append(what)
        else:
            self.result.why_not = f"the fault did not bite: {what}"

    def note(self, words: str) -> None:
        self.result.notes.append(words)

    def fail(self, words: str) -> None:
        self.result.violations.append(words)

    # -- the end ---------------------------------------------------------------------------------------

    async def settle(self, seconds: float = 12.0) -> Stored:
        """The stores once everything that was told is recorded, or the time is over."""
        limit = time.monotonic() + seconds
        while True:
            try:
                stored = await asyncio.to_thread(self.system.stored)
            except Exception:
                stored = Stored()
            if not list(self.durable(stored)) or time.monotonic() > limit:
                return stored
            await asyncio.sleep(0.5)

    def durable(self, stored: Stored) -> Iterator[str]:
        """I1, I2, I3 and I5: what the stores hold."""
        system = self.system
        yield from checker.tracker(self.history, stored, system.key)
        if isinstance(system, Companion):
            yield from checker.journal(self.history, stored, system.conversation)
            yield from checker.escalations(self.history, stored, system.escalation)
        else:
            told = [one for one in self.history if one.line.flag and system.advised(one)]
            for one in told:
                if system.stub.ran.count(system.key(one)[0]) < _flags(told, one):
                    yield f"I5 lost: the red flag {one} was told and its action never ran"

    async def judge(self, limits: Limits, ignore: tuple[str, ...] = ()) -> Result:
        """Look at everything; ``ignore`` names invariants that a row is not about."""
        self._over.set()
        await asyncio.gather(*self._talks)
        stored = await self.settle()
        days = {patient.name: next(patient.script()).day for patient in self.system.patients}
        found = [
            *self.durable(stored),
            *checker.seen(self.history, limits),
            *checker.advised(self.history, self.system.advised),
            *checker.swapped(self.history, days),
        ]
        await asyncio.gather(*(patient.leave() for patient in self.system.patients))
        self.result.violations += [words for words in found if not words.startswith(ignore or ("-",))]
        self.result.bit = bool(self._bites) and not self.result.why_not
        self.result.messages = len(self.history)
        flags = [one for one in self.history if one.line.flag]
        self.result.flags = len(flags)
        self.result.flag_worst = max((one.seen or 0 for one in flags if one.hurry), default=0)
        self.result.other_worst = max((one.seen or 0 for one in self.history if one.hurry), default=0)
        return self.result


def _flags(told: list[Sent], up_to: Sent) -> int:
    return sum(one.patient == up_to.patient and one.seq <= up_to.seq for one in told)


class _Shared(list[Sent]):
    """A patient's history that is also written into the run's."""

    def __init__(self, run: list[Sent]) -> None:
        super().__init__()
        self._run = run

    def append(self, one: Sent) -> None:
        super().append(one)
        self._run.append(one)


# -- injectors that need no network --------------------------------------------------------------------


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Processes that stand still (SIGSTOP) and go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(what: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = 30.0) -> bool:
    """Wait until something is so; False when it does not become so."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = what()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return True
        await asyncio.sleep(0.1)
    return False
