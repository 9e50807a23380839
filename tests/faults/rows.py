"""The fault matrix: a row for each fault, with its goal and how it is injected.

A scenario gets a running world; what it needs of the system before the start stands in the row. Where a row has no
``bare``, a bare Rasa has nothing that the fault could hit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import network
from tests.faults.checker import Limits
from tests.faults.history import Line
from tests.faults.network import MODES, RESET
from tests.faults.patients import FLAGS, Patient, WebPatient
from tests.faults.systems import ROOT, Bare, Companion, System
from tests.faults.world import Result, World, alive, until

USUAL = Limits()
Scenario = Callable[[World], Awaitable[None]]
FLAG = Line(FLAGS[0], flag=True)


@dataclass(frozen=True)
class Row:
    """A row of the matrix."""

    id: str
    fault: str
    goal: str
    scenario: Scenario
    limits: Limits = USUAL
    ours: Callable[[str], System] = Companion
    bare: Callable[[str], System] | None = Bare
    where: str = "embedded"
    own_start: bool = False
    """Whether the scenario starts the system itself."""
    ignore: tuple[str, ...] = ()
    missing: Callable[[], str] = field(default=lambda: "")
    """What this machine lacks to inject it, or ""."""

    async def run(self, which: str, seed: int) -> Result:
        """One run against ``companion`` or ``bare``."""
        make = self.ours if which == "companion" else self.bare
        assert make is not None
        system = make(self.id)
        world = World(self.id, system, seed)
        began = time.monotonic()
        try:
            if not self.own_start:
                await system.start()
            await self.scenario(world)
            return await world.judge(self.limits, self.ignore)
        except Exception as error:  # a run that breaks off is a row that does not hold
            world.result.violations.append(f"the run broke off: {type(error).__name__}: {str(error)[:200]}")
            return world.result
        finally:
            world.result.seconds = round(time.monotonic() - began, 1)
            await system.stop()
            for undo in world.afterwards:
                undo()


# -- the action server ---------------------------------------------------------------------------------


async def f1(world: World) -> None:
    """Nobody listens where the action server was; it comes back."""
    await world.talk(4, 2)
    async with world.fault(8):
        await world.system.stub.stop()
        asker = world.arrives("asker")
        await world.ask(asker, FLAG, asker.question())
        world.bit(not world.system.stub.up, "no action server")
    await world.system.stub.start()
    await world.heal()


def f2(modes: tuple[str, ...]) -> Scenario:
    async def scenario(world: World) -> None:
        await world.talk(3, 2)
        stub = world.system.stub
        for mode in modes:
            async with world.fault(0.5):
                before, stub.mode = stub.spoilt, mode
                asker = world.arrives(f"asker-{mode.replace(' ', '-')}")
                await world.ask(asker, FLAG, asker.question())
                world.bit(stub.spoilt > before, mode)
        stub.mode = "ok"
        await world.heal()

    return scenario


def slow(seconds: int, lasts: float) -> Scenario:
    async def scenario(world: World) -> None:
        await world.talk(3, 2)
        stub = world.system.stub
        async with world.fault():
            stub.mode = f"slow {seconds}"
            asker = world.arrives("asker")
            # The question comes while the red flag's action still hangs.
            first = asyncio.ensure_future(world.ask(asker, FLAG))
            await asyncio.sleep(0.3)
            await asyncio.gather(first, world.ask(asker, asker.question()), asyncio.sleep(lasts))
            world.bit(stub.spoilt, f"an action that takes {seconds} s")
        stub.mode = "ok"
        await world.heal()

    return scenario


# -- processes -----------------------------------------------------------------------------------------


def kills(count: int, pause: float = 0.0) -> Scenario:
    """Kill -9 a Rasa process in the middle of turns, at random milliseconds."""

    async def scenario(world: World) -> None:
        await world.talk(4, 2)
        killed = 0
        for _ in range(count):
            async with world.fault():
                await until(world.system.rasa)
                victim = world.rng.choice(world.system.rasa())
                asker = world.arrives(f"asker-{killed}")
                if isinstance(asker, WebPatient):
                    await asker.open()
                asked = asyncio.ensure_future(world.ask(asker, asker.question(), asker.question()))
                await asyncio.sleep(world.rng.uniform(0.0, 0.08))
                os.kill(victim, signal.SIGKILL)
                killed += await until(lambda victim=victim: not alive(victim), 5)
                await asked
                await until(world.system.ready, 60)
                await asyncio.sleep(pause)
        world.bit(killed == count, f"kill -9, {killed} times")
        await world.heal()

    return scenario


async def f9(world: World) -> None:
    """The Rasa process is asked to end in the middle of talk, as at an upgrade."""
    await world.talk(6, 3)
    async with world.fault():
        victim = world.system.rasa()[0]
        os.kill(victim, signal.SIGTERM)
        world.bit(await until(lambda: not alive(victim), 40), "SIGTERM")
        await until(world.system.ready, 60)
    await world.heal()


async def f20(world: World) -> None:
    """The phone drops the connection at a random moment of the turn, and sends the message again."""
    await world.talk(2, 1)
    async with world.fault():
        cut = 0
        for number in range(6):
            patient = world.arrives(f"phone{number}")
            for turn in range(5):
                line = patient.flag() if turn == 2 else patient.question()
                cut += await _hangs_up(world, patient, line)
        world.bit(cut, f"{cut} of 30 connections cut before the reply")
    await world.heal(1)


async def _hangs_up(world: World, patient: Patient, line: Line) -> bool:
    if isinstance(patient, WebPatient) and not patient.token:
        await patient.open()
    asking = asyncio.ensure_future(patient.say(line, world.phase))
    done, _ = await asyncio.wait({asking}, timeout=world.rng.uniform(0.001, 0.06))
    if done:
        return False
    asking.cancel()
    await asyncio.wait({asking})
    sent = patient.history[-1]
    sent.at = time.monotonic()  # the deadline counts for the second attempt
    while not await patient.attempt(sent):
        await asyncio.sleep(0.3)
    return True


# -- stores on the disk --------------------------------------------------------------------------------


async def f13(world: World) -> None:
    """Single reads of the conversation fail, the writes that follow work."""
    await world.talk(4, 3)
    failed = Path(world.system.folder, "reads-failed")
    async with world.fault():
        for _ in range(8):
            Path(world.system.folder, "fail-one-read").touch()
            await asyncio.sleep(0.6)
    world.bit(failed.exists(), f"{failed.stat().st_size if failed.exists() else 0} reads failed")
    await world.heal()


def f14_locked(files: tuple[str, ...], seconds: float) -> Scenario:
    async def scenario(world: World) -> None:
        await world.talk(4, 3)
        for name in files:
            async with world.fault():
                file = next(iter(world.system.folder.rglob(name)), None)
                if file is None:
                    continue
                asker = world.arrives(f"asker-{name}")
                await world.ask(asker, asker.tells())
                holder = sqlite3.connect(file, timeout=10, isolation_level=None)
                holder.execute("BEGIN EXCLUSIVE")
                asked = asyncio.ensure_future(world.ask(asker, FLAG, asker.question()))
                await asyncio.sleep(seconds)
                holder.execute("ROLLBACK")
                holder.close()
                world.bit(True, f"{name} locked for {seconds:g} s")
                await asked
        await world.heal(4)

    return scenario


async def f14_full(world: World) -> None:
    """The disk under the stores is full: a file system of 24 MB in memory."""
    system = world.system
    place = system.folder / ("var" if isinstance(system, Companion) else "disk")
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    world.afterwards.append(lambda: subprocess.run(["umount", "-l", str(place)], check=False))
    if isinstance(system, Companion):
        (place / "encoder").symlink_to(ROOT / "var" / "encoder")
    await system.start()
    await world.talk(4, 3)
    filler = place / "filler"
    asker = world.arrives("asker")
    await world.ask(asker, asker.tells())
    async with world.fault():
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        asked = asyncio.ensure_future(world.ask(asker, FLAG, asker.question()))
        await asyncio.sleep(7)
        world.bit(os.statvfs(place).f_bavail == 0, "no space left")
    filler.unlink()
    await asked
    await world.heal(4)


def no_mount() -> str:
    return "" if os.geteuid() == 0 else "right to mount a file system (run as root)"


# -- the clock -----------------------------------------------------------------------------------------

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def no_faketime() -> str:
    return "" if FAKETIME.is_file() else "libfaketime (Debian package `faketime`)"


async def f15(world: World) -> None:
    """The machine's clock goes back an hour, then five seconds ahead, while conversations go on."""
    file = world.system.folder / "clock"
    file.write_text("+0", encoding="ascii")
    world.system.environment |= {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Its repair of waits on the monotonic clock makes each wait take tens of milliseconds.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
    await world.system.start()
    await world.talk(4, 3)
    for shift in ("-3600", "+5", "-5"):
        async with world.fault(4):
            file.write_text(shift, encoding="ascii")
    file.write_text("+0", encoding="ascii")
    world.bit(True, "clock set back 1 h, ahead 5 s, back 5 s")
    await world.heal()


# -- the model -----------------------------------------------------------------------------------------


async def f18(world: World) -> None:
    """The model file is cut in half under a running server; then a cold start with it, and with none."""
    system = world.system
    models = system.folder / "models"
    source = models.resolve() / "il2.tar.gz" if isinstance(system, Companion) else system.model  # type: ignore[attr-defined]
    whole = source.read_bytes()
    if isinstance(system, Companion):
        models.unlink()
    models.mkdir(exist_ok=True)
    file = models / ("il2.tar.gz" if isinstance(system, Companion) else "bare.tar.gz")
    file.write_bytes(whole)
    if isinstance(system, Bare):
        system.model = file
    await system.start()
    await world.talk(3, 2)
    async with world.fault(3):
        file.write_bytes(whole[: len(whole) // 2])
        asker = world.arrives("asker")
        await world.ask(asker, asker.question(), FLAG)
    await world.heal(1)
    for what, content in (("cut in half", whole[: len(whole) // 2]), ("missing", None)):
        await system.restart_cold(file, content)
        empty = await _cold(world, what)
        world.bit(True, f"cold start with a model that is {what}")
        if empty:
            world.fail(f"I7 untrue: with a model that is {what} the server calls itself ready and answers nothing")
    file.write_bytes(whole)
    await system.restart_cold(file, whole)
    await until(system.ready, 60)


async def _cold(world: World, what: str) -> bool:
    """Whether the server says it is ready although it answers nothing."""
    if not await until(world.system.ready, 25):
        return False
    patient = world.arrives(f"cold-{what.replace(' ', '-')}")
    sent = await patient.say(patient.question(), "cold", patience=5)
    sent.hurry = False
    return not sent.text


# -- overload, memory, forced errors -------------------------------------------------------------------


async def f22(world: World) -> None:
    """Three times as many messages as the server can answer; one in ten a red flag."""
    from tests.faults.overload import capacity, flood

    rate = await capacity(world)
    world.note(f"capacity {rate:.0f} messages/s")
    async with world.fault():
        sent = await flood(world, 3 * rate, 12.0)
    world.bit(sent >= 2.5 * rate * 12, f"{sent} messages in 12 s")
    world.phase = "heal"
    await asyncio.sleep(3)
    calm = world.arrives("after")
    await world.ask(calm, calm.tells(), calm.question(), FLAG)


async def f23(world: World) -> None:
    """A memory limit of 2 GB and the longest inputs that the network lets through."""
    system = world.system
    await world.talk(3, 3)
    before = max(rss(pid) for pid in system.rasa())
    async with world.fault():
        peak = 0.0
        for pid in system.rasa():
            resource.prlimit(pid, resource.RLIMIT_AS, (_size(pid) + (2 << 30), resource.RLIM_INFINITY))
        for number, text in enumerate(LONG):
            patient = world.arrives(f"long{number}")
            sent = await patient.say(Line(text), world.phase, patience=12)
            sent.hurry = False
            peak = max([peak, *(rss(pid) for pid in system.rasa())])
        world.bit(True, f"memory from {before:.0f} to {peak:.0f} MB")
        if peak > 1.5 * before:
            world.fail(f"F23: resident memory rose from {before:.0f} to {peak:.0f} MB")
    await world.heal()


LONG = ("pain " * 20_000, "x" * 100_000, "i have a fever " * 270, "\n" * 4000, "é" * 2000, "12345 " * 600)


def rss(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _size(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


async def f24_lock(world: World) -> None:
    """No lock can be had."""
    await world.talk(3, 2)
    folder = Path(world.system.folder)
    async with world.fault(4):
        (folder / "fail-locks").touch()
        asker = world.arrives("asker")
        await world.ask(asker, FLAG, asker.question())
    (folder / "fail-locks").unlink()
    world.bit((folder / "locks-failed").exists(), "LockError")
    await world.heal()


async def f24_breaker(world: World) -> None:
    """Rasa's circuit breaker ends each turn before its first action."""
    world.system.environment |= {"MAX_NUMBER_OF_PREDICTIONS": "1"}
    await start_blind(world.system)
    world.phase = "fault"
    asker = world.arrives("asker")
    sent = await world.ask(asker, FLAG, *(asker.question() for _ in range(3)))
    world.bit(any(one.excused or not one.text for one in sent), "circuit breaker")


async def f24_paused(world: World) -> None:
    """The conversation is paused, as a handover would leave it."""
    await world.talk(2, 1)
    asker = world.arrives("asker")
    await world.ask(asker, asker.question())
    async with world.fault():
        sender = world.system.key(asker.history[0])[0]
        world.bit(pause(world.system.tracker, sender), "pause")  # type: ignore[attr-defined]
        sent = await world.ask(asker, asker.question(), FLAG, asker.question())
        world.note(f"{sum(one.excused for one in sent)} of {len(sent)} honest replies")
    await world.heal(1)


async def start_blind(system: System) -> None:
    """Start without waiting for a good health check, which this fault never lets come."""
    await system.stub.start()
    await system.team.start()
    system.launch()
    if not await until(lambda: system._status("/webhooks/rest/"), 60):
        raise RuntimeError("the server did not start")


def pause(address: str, sender: str) -> bool:
    """Append a pause to a conversation in the tracker store, as Rasa's own action would."""
    import json

    import sqlalchemy as sa

    data = json.dumps({"event": "pause", "timestamp": time.time(), "name": None})
    with sa.create_engine(address).begin() as db:
        if sa.inspect(db).has_table("conversation_events"):
            last = "SELECT conversation, seq + 1, session, 'pause', at, :data FROM conversation_events"
            where = " WHERE conversation = :sender ORDER BY seq DESC LIMIT 1"
            done = db.execute(
                sa.text(f"INSERT INTO conversation_events (conversation, seq, session, type, at, data) {last}{where}"),
                {"data": data, "sender": sender},
            )
        else:
            done = db.execute(
                sa.text(
                    "INSERT INTO events (sender_id, type_name, timestamp, data) VALUES (:sender, 'pause', :at, :data)"
                ),
                {"data": data, "sender": sender, "at": time.time()},
            )
        return bool(done.rowcount)


# -- the network to the patient ------------------------------------------------------------------------


async def f21_patients(world: World) -> None:
    """The network between patients and server: cut off, slow by 500 ms, reset."""
    system = world.system
    async with network.proxied("127.0.0.1", system.port) as proxy:
        system.url = f"http://127.0.0.1:{proxy.port}"
        await world.talk(4, 2)
        for mode, seconds in (("drop", 4.0), ("delay 0.5", 4.0), (RESET, 2.0)):
            async with world.fault(seconds):
                before = proxy.hit
                proxy.set(mode)
            world.bit(proxy.hit > before, f"{mode} for {seconds:g} s")
            proxy.set("ok")
            await asyncio.sleep(1)
        await world.heal(2)
        # What the network itself took is no delay of the server's.
        for one in world.history:
            one.hurry = one.phase != "fault" and one.acknowledged is not None and one.attempts == 1
        world._over.set()
        await asyncio.gather(*world._talks)


def with_stores(kind: str) -> Callable[[str], System]:
    """A system whose tracker or lock store fails when asked to."""

    def make(name: str) -> System:
        if kind == "tracker":
            return Companion(name, tracker_store={"type": "tests.faults.broken.OurTrackers"})
        return Companion(name, lock_store={"type": "tests.faults.broken.Locks"})

    return make


def bare_with(kind: str) -> Callable[[str], System]:
    def make(name: str) -> System:
        if kind == "tracker":
            store = {"type": "tests.faults.broken.StockTrackers", "dialect": "sqlite", "db": "tracker.db"}
            return Bare(name, tracker_store=store)
        return Bare(name, lock_store={"type": "tests.faults.broken.Locks"})

    return make


ALL_MODES = (*MODES, RESET)
EMBEDDED = [
    Row("F1", "action server down", "red flag's text ≤ 1 s, escalation recorded", f1),
    Row("F2", "action server answers badly, 10 ways", "10 of 10 ways: words, nothing recorded as done", f2(ALL_MODES)),
    Row("F3 5 s", "action server takes 5 s", "words ≤ 3 s, next message served", slow(5, 8), Limits(1, 3)),
    Row("F3 120 s", "action server takes 120 s", "words ≤ 3 s, next message served", slow(120, 12), Limits(1, 10)),
    Row("F7", "turn longer than its lock's life", "in order, nothing lost, no endless wait", slow(8, 12)),
    Row(
        "F8 one worker",
        "kill -9 in the middle of a turn",
        "0 lost, 0 doubled; reply by the retry ≤ 30 s",
        kills(3, 20),
        Limits(30, 30),
    ),
    Row("F9 one worker", "restart under load", "0 lost, 0 doubled; reply by the retry ≤ 30 s", f9, Limits(30, 30)),
    Row(
        "F13",
        "single read of the conversation fails",
        "0 turns lost, memory kept",
        f13,
        ours=with_stores("tracker"),
        bare=bare_with("tracker"),
    ),
    Row(
        "F14 locked",
        "SQLite locked for 10 s",
        "words, nothing acknowledged that is not kept",
        f14_locked(("journal.db", "conversations.db", "escalations.db", "tracker.db"), 10),
    ),
    Row(
        "F14 full",
        "disk full",
        "words, nothing acknowledged that is not kept",
        f14_full,
        own_start=True,
        bare=lambda name: Bare(name, tracker_store={"type": "SQL", "dialect": "sqlite", "db": "disk/tracker.db"}),
        missing=no_mount,
    ),
    Row(
        "F15 one worker", "clock back 1 h, ahead 5 s", "memory and order kept", f15, own_start=True, missing=no_faketime
    ),
    Row("F18", "model cut in half, missing", "old one goes on; a cold start is not ready", f18, own_start=True),
    Row("F20", "patient hangs up, sends again", "one reply, one escalation", f20),
    Row("F21 patients", "network to the patient: cut off, +500 ms, reset", "0 lost, 0 doubled", f21_patients),
    Row("F22", "three times the capacity", "red flag ≤ 1 s, nobody without words", f22, ignore=("I3",)),
    Row("F23", "long inputs under a memory limit", "memory ≤ 1.5 ×, others unaffected", f23),
    Row("F24 lock", "LockError", "honest words", f24_lock, ours=with_stores("lock"), bare=bare_with("lock")),
    Row("F24 breaker", "Rasa's circuit breaker", "honest words", f24_breaker, own_start=True, ignore=("I6",)),
    Row("F24 paused", "paused conversation", "honest words", f24_paused),
]
