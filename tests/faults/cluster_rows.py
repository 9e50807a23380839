"""The rows of the fault matrix that need several workers and the engines they share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator

import aiohttp
import sqlalchemy as sa

from bot.escalations import conversation_hash
from tests.faults import engines
from tests.faults.checker import Limits
from tests.faults.clusters import ClusterCompanion, TwoBare, drained
from tests.faults.engines import ENGINES
from tests.faults.network import RESET, Proxy
from tests.faults.patients import TOLD, Patient, RestPatient, WebPatient
from tests.faults.rows import FAKETIME, FLAG, Row, Scenario, kills, no_faketime
from tests.faults.world import World, alive, stopped, until

TWO = "cluster"
SHORT = 4.0
"""Seconds after which those who ask during an outage give a message up, so that the outage need not last for them."""


def _cluster(world: World) -> ClusterCompanion | TwoBare:
    assert isinstance(world.system, ClusterCompanion | TwoBare)
    return world.system


@contextlib.asynccontextmanager
async def watched(world: World, most: float = 1.0) -> AsyncIterator[None]:
    """Look at each worker's event loop all the time: the longest stall is noted, and one beyond ``most`` violates."""
    worst, going = 0.0, True

    async def look(url: str) -> None:
        nonlocal worst
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            while going:
                began = time.monotonic()
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.get(f"{url}/webhooks/rest/"):
                        worst = max(worst, time.monotonic() - began)
                await asyncio.sleep(0.05)

    looking = [asyncio.ensure_future(look(url)) for url in _cluster(world).workers()]
    try:
        yield
    finally:
        going = False
        await asyncio.gather(*looking)
        world.note(f"event loop held up for at most {worst * 1000:.0f} ms")
        if worst > most:
            world.fail(f"I7 frozen: a worker's event loop was held up for {worst:.1f} s")


async def _known(world: World, name: str = "asker") -> Patient:
    """A patient who was here before the fault."""
    asker = world.arrives(name)
    await world.ask(asker, asker.tells())
    return asker


async def _asks(world: World, asker: Patient) -> None:
    for line in (FLAG, asker.asks(), asker.question()):
        await asker.say(line, world.phase, SHORT)


# -- Redis ---------------------------------------------------------------------------------------------


async def f4(world: World) -> None:
    await world.talk(4, 3)
    asker = await _known(world)
    async with watched(world), world.fault(6):
        ENGINES.redis.stop()
        await _asks(world, asker)
    world.bit(not ENGINES.redis.up, "Redis ended (SIGTERM)")
    ENGINES.redis.start()
    await world.heal()


async def f5(world: World) -> None:
    await world.talk(4, 3)
    asker = await _known(world)
    async with watched(world), world.fault():
        with stopped(ENGINES.redis.pid):
            await _asks(world, asker)
            await asyncio.sleep(8)
            world.bit(True, "Redis frozen (SIGSTOP)")
    await world.heal()


def f6(pairs: int) -> Scenario:
    """Two messages of one patient at the same moment, each at another worker."""

    async def scenario(world: World) -> None:
        first, second = _cluster(world).workers()[:2]
        world.phase = "fault"
        for number in range(pairs):
            here = world.arrives(f"p{number}", first)
            there = _twin(world, here, second)
            if isinstance(here, WebPatient) and isinstance(there, WebPatient):
                await here.open()
                there.token = here.token
            await asyncio.gather(here.say(here.question(), world.phase), there.say(there.question(), world.phase))
            # The history of both is the one patient's; the order of two that were sent at once is free.
            await asyncio.gather(here.leave(), there.leave())
        twice, lost = await asyncio.to_thread(_overlaps, world)
        world.bit(True, f"{pairs} pairs")
        world.note(f"{lost} of {2 * pairs} messages lost, {twice} pairs worked on at once")
        if lost:
            world.fail(f"I1 lost: {lost} of {2 * pairs} messages")

    return scenario


def _twin(world: World, here: WebPatient | RestPatient, url: str):  # type: ignore[no-untyped-def]
    """The same patient in a second window, at another worker."""
    twin = type(here)(here.name, url, here.day, here.rng)
    twin.history = here.history
    if isinstance(twin, RestPatient) and isinstance(here, RestPatient):
        twin.sender, twin._number = here.sender, 500
    return twin


def _overlaps(world: World) -> tuple[int, int]:
    """Turns that were worked on at once (a message stands between another one and its reply), and messages lost."""
    senders = {world.system.key(one)[0]: 0 for one in world.history if one.acknowledged is not None}
    mixed = 0
    with sa.create_engine(_cluster(world).tracker).connect() as db:
        ours = sa.inspect(db).has_table("conversation_events")
        table, name, kind, order = (
            ("conversation_events", "conversation", "type", "seq")
            if ours
            else ("events", "sender_id", "type_name", "id")
        )
        rows = db.execute(sa.text(f"SELECT {name}, {kind} FROM {table} ORDER BY {name}, {order}")).all()
    last = ("", "")
    for sender, what in rows:
        if sender in senders and what == "user":
            senders[sender] += 1
        if what in ("user", "bot"):
            mixed += last == (sender, "user") and what == "user"
            last = (sender, what)
    sent: dict[str, int] = {}
    for one in world.history:
        if one.acknowledged is not None and not one.excused:
            key = world.system.key(one)[0]
            sent[key] = sent.get(key, 0) + 1
    return mixed, sum(max(0, count - senders[key]) for key, count in sent.items())


# -- PostgreSQL ----------------------------------------------------------------------------------------


async def f10(world: World) -> None:
    await world.talk(4, 3)
    known = await _known(world)
    async with watched(world), world.fault():
        ENGINES.postgres.stop()
        began = time.monotonic()
        await asyncio.gather(_asks(world, known), asyncio.sleep(12))
        world.bit(True, f"PostgreSQL stopped at once for {time.monotonic() - began:.0f} s")
        ENGINES.postgres.start()
    await world.heal(6)


async def f11(world: World) -> None:
    await world.talk(4, 3)
    asker = await _known(world)
    async with watched(world), world.fault():
        with stopped(*ENGINES.postgres.pids()):
            await asyncio.gather(_asks(world, asker), asyncio.sleep(8))
        world.bit(True, "PostgreSQL frozen (SIGSTOP)")
    await world.heal(6)


async def f12(world: World) -> None:
    """A worker starts while PostgreSQL is away; PostgreSQL comes later."""
    system = _cluster(world)
    await world.talk(2, 2)
    async with world.fault():
        ENGINES.postgres.stop("fast")
        for pid in system.rasa():
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(20)
        red = not await system.ready()
        world.note(f"health check {'red' if red else 'green'} while PostgreSQL is away")
        if not red:
            world.fail("I7 untrue: ready although no conversation can be kept")
        ENGINES.postgres.start()
        began = time.monotonic()
        ready = await until(system.ready, 60)
        world.note(f"ready {time.monotonic() - began:.0f} s after PostgreSQL's return")
        if not ready:
            world.fail("I7 not healed: not ready 60 s after PostgreSQL's return")
        world.bit(True, "workers started without PostgreSQL")
    await asyncio.sleep(2)
    world.phase = "heal"
    late = world.arrives("late")
    await world.ask(late, late.tells(), late.asks(), FLAG)
    await world.heal()


# -- processes, clock, model ---------------------------------------------------------------------------


async def f9(world: World) -> None:
    """Every worker is replaced under load: blue/green for the companion, one after the other for bare Rasa."""
    system = _cluster(world)
    await world.talk(6, 3)
    async with watched(world) if isinstance(system, ClusterCompanion) else contextlib.nullcontext(), world.fault():
        before = set(system.rasa())
        if isinstance(system, ClusterCompanion):
            await system.switch()
        else:
            for pid in sorted(before):
                os.kill(pid, signal.SIGTERM)
                await until(lambda pid=pid: not alive(pid), 30)
                await until(system.ready, 90)
        world.bit(not before & set(system.rasa()), "all workers replaced")
    await world.heal()
    errors = [error for one in world.history for error in one.errors]
    early = errors.count(TOLD)
    world.note(f"{len(errors) - early} failed requests of {sum(one.attempts for one in world.history)}")
    if early:
        world.note(f"{early} red flags told ahead of their turn")
    if len(errors) > early:
        world.fail(f"F9: {len(errors) - early} requests failed")


async def f15(world: World) -> None:
    """One worker's clock is five seconds behind the other's, and goes back an hour."""
    system = _cluster(world)
    files = system.folder / "clocks"
    files.mkdir()
    system.environment |= {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Its repair of waits on the monotonic clock makes each wait take tens of milliseconds.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "FAKETIME_TIMESTAMP_FILE": str(files / "all"),
    }
    (files / "all").write_text("+0", encoding="ascii")
    await system.start()
    # The same file for all at the start; then each worker that is started again gets a clock of its own.
    await world.talk(4, 3)
    for shift in ("-5", "-3600"):
        async with world.fault():
            (files / "all").write_text(shift, encoding="ascii")
            victim = system.rasa()[0]
            os.kill(victim, signal.SIGKILL)
            await until(lambda victim=victim: not alive(victim), 5)
            await until(system.ready, 60)
            await asyncio.sleep(4)
    world.bit(True, "clocks set back 5 s and 1 h")
    (files / "all").write_text("+0", encoding="ascii")
    await world.heal()


# -- RabbitMQ ------------------------------------------------------------------------------------------


def f16(mode: str) -> Scenario:
    async def scenario(world: World) -> None:
        system = _cluster(world)
        await world.talk(4, 3)
        asker = await _known(world)
        async with watched(world), world.fault(10):
            system.shared.rabbitmq.set(mode)
            await _asks(world, asker)
        world.bit(system.shared.rabbitmq.hit, f"RabbitMQ {mode}")
        system.shared.rabbitmq.set("ok")
        await world.heal()
        await _delivered(world)

    return scenario


async def f16_start(world: World) -> None:
    """RabbitMQ cannot be reached when the workers start again."""
    system = _cluster(world)
    await world.talk(2, 2)
    asker = await _known(world)
    async with world.fault():
        system.shared.rabbitmq.set(RESET)
        for pid in system.rasa():
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(1)
        began = time.monotonic()
        ready = await until(system.ready, 45)
        world.note(
            f"{'ready' if ready else 'not ready'} {time.monotonic() - began:.0f} s after a start without RabbitMQ"
        )
        if not ready:
            world.fail("I7 down: no worker is ready while RabbitMQ is away")
        else:
            await _asks(world, asker)
        world.bit(system.shared.rabbitmq.hit, "RabbitMQ away at the start")
    system.shared.rabbitmq.set("ok")
    await world.heal()
    await _delivered(world)


async def _delivered(world: World, seconds: float = 45.0) -> None:
    """Each kept message of a patient has reached the queue, in its order."""
    system = _cluster(world)
    if isinstance(system, ClusterCompanion):

        def left() -> int:
            with sa.create_engine(system.tracker).connect() as db:
                return int(db.execute(sa.text("SELECT count(*) FROM outgoing_events")).scalar_one())

        if not await until(lambda: asyncio.to_thread(left), 1) or await until(_none(left), seconds):
            pass
        else:
            world.fail(f"F16: {await asyncio.to_thread(left)} events still wait {seconds:g} s after the return")
    else:
        await asyncio.sleep(10)
    got = await drained(system.prefix)
    stored = await asyncio.to_thread(system.stored)
    if not isinstance(system, ClusterCompanion):
        mine = {world.system.key(one)[0] for one in world.history}
        kept = sum(sender in mine for sender, _, _ in stored.tracker)
        arrived = sum(1 for _, headers in got if headers)
        world.note(f"{kept} messages kept, {len(got)} events in the queue, {arrived} with headers")
        return
    users: dict[str, list[int]] = {}
    for _, headers in got:
        if headers.get("event") == "user":
            users.setdefault(str(headers["conversation"]), []).append(int(headers["seq"]))
    lost = disordered = doubled = 0
    for sender in {world.system.key(one)[0] for one in world.history}:
        expected = sum(kept == sender for kept, _, _ in stored.tracker)
        came = users.get(conversation_hash(sender), [])
        doubled += len(came) - len(set(came))
        lost += max(0, expected - len(set(came)))
        disordered += list(dict.fromkeys(came)) != sorted(set(came))
    world.note(
        f"{len(got)} events arrived; {lost} lost, {doubled} twice (same id), {disordered} conversations disordered"
    )
    if lost or disordered:
        world.fail(f"F16: {lost} events lost, {disordered} conversations out of order")


def _none(left):  # type: ignore[no-untyped-def]
    async def look() -> bool:
        return not await asyncio.to_thread(left)

    return look


# -- the network between the parts ---------------------------------------------------------------------


def f21(which: str) -> Scenario:
    async def scenario(world: World) -> None:
        proxy: Proxy = getattr(_cluster(world).shared, which)
        await world.talk(4, 3)
        async with watched(world):
            for mode in ("drop", "delay 0.5", RESET):
                asker = await _known(world, f"asker-{mode.partition(' ')[0]}")
                async with world.fault(5):
                    before = proxy.hit
                    proxy.set(mode)
                    asked = asyncio.ensure_future(_asks(world, asker))
                proxy.set("ok")
                world.bit(proxy.hit > before, f"{which} {mode}")
                await asked
                await asyncio.sleep(2)
        await world.heal()

    return scenario


async def f21_worker(world: World) -> None:
    """A worker no longer answers nginx: it stands still (SIGSTOP), then goes on."""
    system = _cluster(world)
    await world.talk(4, 3)
    asker = await _known(world)
    async with world.fault():
        with stopped(system.rasa()[0]):
            await asyncio.gather(_asks(world, asker), asyncio.sleep(10))
        world.bit(True, "one worker frozen (SIGSTOP)")
    await world.heal()


async def f21_hung(world: World) -> None:
    """A worker stands still and would for ever: somebody has to start it again."""
    system = _cluster(world)
    await world.talk(4, 3)
    asker, victim = await _known(world), system.rasa()[0]
    async with world.fault():
        with stopped(victim):
            replaced, _ = await asyncio.gather(until(lambda: not alive(victim), 30), _asks(world, asker))
        world.bit(True, "one worker frozen for good (SIGSTOP)")
    if not replaced:
        world.fail("I7 frozen: a worker that hung was not started again within 30 s")
    if not await until(lambda: len(system.rasa()) == 2 and system.ready(), 60):
        world.fail("I7 down: there were not two workers again")
    await world.heal()


SLOWER = Limits(1.0, 10.0)


def _row(name: str, fault: str, goal: str, scenario: Scenario, limits: Limits = SLOWER, **more: object) -> Row:
    return Row(
        name, fault, goal, scenario, limits, ours=ClusterCompanion, bare=TwoBare, where=TWO,
        missing=more.pop("missing", engines.missing), **more,  # type: ignore[arg-type]
    )  # fmt: skip


CLUSTER = [
    _row("F4", "Redis stopped", "words; order kept, nothing lost", f4),
    _row("F5", "Redis hung 8 s", "words; no worker frozen", f5),
    _row("F6", "two messages of a patient at two workers at once", "0 lost", f6(150), ignore=("I3",)),
    _row("F8", "kill -9 of one of two workers in the middle of a turn", "0 lost, 0 doubled", kills(12)),
    _row("F9", "every worker replaced under load", "0 errors, 0 lost", f9),
    _row("F10", "PostgreSQL stopped 12 s", "0 lost, memory kept", f10),
    _row("F11", "PostgreSQL hung 8 s", "words; no worker frozen", f11),
    _row("F12", "PostgreSQL absent when workers start", "not ready, then healed", f12, Limits(90, 90)),
    _row("F15", "clock of a worker 5 s, 1 h behind", "memory and order kept", f15, own_start=True, missing=no_faketime),
    _row("F16 cut", "RabbitMQ's connections reset for 10 s", "0 lost, in order", f16(RESET)),
    _row("F16 hung", "RabbitMQ silent for 10 s", "0 lost, in order", f16("drop")),
    _row("F17", "event broker unreachable when workers start", "ready; 0 events lost", f16_start, Limits(60, 60)),
    _row("F21 Redis", "network to Redis: cut off, +500 ms, reset", "words; nothing lost", f21("redis")),
    _row("F21 PostgreSQL", "network to PostgreSQL: cut off, +500 ms, reset", "words; nothing lost", f21("postgres")),
    _row("F21 worker", "one of two workers does not answer for 10 s", "words; nothing lost", f21_worker),
    _row("F21 hung", "one of two workers hangs for good", "words; nothing lost; started again", f21_hung),
]
