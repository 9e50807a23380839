"""``make load``: how fast, how large, how far; beside stock Rasa in the same run, as ratios.

Every part writes its figures into ``reports/load.json`` at once, so that a run that was broken off goes on where it was
(``--again`` begins anew). The tables go into ``docs/operations.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.faults.checker import Limits, journal, swapped, tracker
from tests.faults.engines import ENGINES, missing
from tests.faults.overload import capacity, flood
from tests.faults.systems import SECRET, Companion, System
from tests.faults.world import World
from tests.load import bare, report
from tests.load.systems import OneWorker, Stock, TwoWorkers, cpu, family, memory

USERS = {1: 1.0, 10: 1.0, 50: 1.5, 200: 3.0}
"""Conversations at once, and how many times as long each is measured: a message in a long queue must end within it."""
Part = Callable[[dict[str, Any]], Awaitable[None]]


async def generate(url: str, users: int, seconds: float, out: Path) -> dict[str, Any]:
    """Run the generator in its own process."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.load.generate", url, str(users), str(seconds), str(out)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError("the load generator failed")
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


async def levels(system: System, seconds: float) -> dict[str, Any]:
    """Start a system and put all loads on it, one after the other."""
    began = time.monotonic()
    await system.start()
    figures: dict[str, Any] = {"ready_seconds": round(time.monotonic() - began, 1), "loads": []}
    try:
        await generate(system.url, 4, 4, system.folder / "warm.json")
        for count, longer in USERS.items():
            pids = family(system)
            used, before = cpu(pids), time.monotonic()
            load = await generate(system.url, count, seconds * longer, system.folder / "load.json")
            # The generator's first seconds do not count in its figures, but cost the server the same.
            share = seconds * longer / (time.monotonic() - before)
            load["cpu_ms"] = round((cpu(pids) - used) * 1000 * share / max(1, load["messages"]), 1)
            load["memory_mb"] = round(memory(pids))
            figures["loads"].append(load)
            print(f"  {system.kind:10} {json.dumps(load)}", flush=True)
    finally:
        await system.stop()
    return figures


async def one_worker(results: dict[str, Any], seconds: float) -> None:
    results["one worker"] = await levels(OneWorker("load-one"), seconds)


async def stock(results: dict[str, Any], seconds: float) -> None:
    model = (Path("var/load/bare") / "models" / "bare.tar.gz").absolute()
    await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "tests.bench.setup"], check=True)
    if not model.is_file():
        print("· training stock Rasa", flush=True)
        bare.train(Path("var/load/bare"))
    results["stock Rasa"] = await levels(Stock("load-stock", model), seconds)


async def two_workers(results: dict[str, Any], seconds: float) -> None:
    if lacking := missing():
        results["two workers"] = {"missing": lacking}
        return
    results["two workers"] = await levels(TwoWorkers("load-two"), seconds)


async def many(results: dict[str, Any], count: int) -> None:
    """Many conversations on the website's channel: nothing lost, nothing swapped; and memory before and after."""
    world = World("load-many", OneWorker("load-many"), 1)
    await world.system.start()
    try:
        await asyncio.gather(*(_holds(world, f"warm{number}") for number in range(20)))
        pids = family(world.system)
        before, began, told = memory(pids), time.monotonic(), len(world.history)
        waiting = iter(range(count))

        async def hold() -> None:
            for number in waiting:
                await _holds(world, f"c{number}")

        await asyncio.gather(*(hold() for _ in range(16)))
        took = time.monotonic() - began
        after = memory(pids)
        stored = await world.settle()
        system = world.system
        assert isinstance(system, Companion)
        days = {patient.name: "" for patient in system.patients}
        found = [
            *tracker(world.history, stored, system.key),
            *journal(world.history, stored, system.conversation),
            *swapped(world.history, days),
        ]
        silent = [one for one in world.history if one.acknowledged is None or not one.text]
        results["many conversations"] = {
            "conversations": count,
            "messages": len(world.history) - told,
            "silent": len(silent),
            "lost, doubled or swapped": len(found),
            "examples": found[:5],
            "memory_before_mb": round(before),
            "memory_after_mb": round(after),
            "per_second": round((len(world.history) - told) / took, 1),
        }
    finally:
        await world.system.stop()


async def _holds(world: World, name: str) -> None:
    """A conversation of five messages, one of them a date that only this patient has told."""
    patient = world.arrives(name)
    lines = [patient.tells(), patient.question(), patient.question(), patient.asks(), patient.question()]
    if world.rng.random() < 0.2:
        lines[2] = patient.flag()
    await world.ask(patient, *lines)
    await patient.leave()


async def long_conversation(results: dict[str, Any], turns: int) -> None:
    """One conversation of very many turns."""
    world = World("load-long", OneWorker("load-long"), 1)
    await world.system.start()
    try:
        patient = world.arrives("talker")
        for _ in range(turns):
            await patient.say(patient.question(), "calm")
        taken = [one.acknowledged or 60.0 for one in patient.history]
        part = max(1, turns // 10)
        results["long conversation"] = {
            "turns": turns,
            "first_ms": round(_median(taken[5 : part + 5]) * 1000, 1),
            "last_ms": round(_median(taken[-part:]) * 1000, 1),
        }
    finally:
        await world.system.stop()


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def overload(results: dict[str, Any], seconds: float) -> None:
    """Three times the capacity, one in ten a red flag."""
    world = World("load-over", OneWorker("load-over"), 1)
    await world.system.start()
    try:
        rate = await capacity(world)
        world.history.clear()
        sent = await flood(world, 3 * rate, seconds)
        flags = sorted(one.seen or 60.0 for one in world.history if one.line.flag)
        others = sorted(one.seen or 60.0 for one in world.history if not one.line.flag)
        results["overload"] = {
            "capacity_per_second": round(rate, 1),
            "sent": sent,
            "seconds": seconds,
            "silent": sum(one.seen is None for one in world.history),
            "honest": sum(one.excused for one in world.history),
            "flag_p50_ms": round(_median(flags) * 1000),
            "flag_p99_ms": round(flags[int(len(flags) * 0.99)] * 1000),
            "other_p50_ms": round(_median(others) * 1000),
            "limits": vars(Limits()),
        }
    finally:
        await world.system.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load")
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--only", default="", help="parts, separated by commas")
    parser.add_argument("--again", action="store_true", help="also what the last run has measured")
    parser.add_argument("--out", type=Path, default=Path("reports/load.json"))
    options = parser.parse_args()
    os.environ["IL2_SECRET"] = SECRET
    random.seed(1)
    results: dict[str, Any] = {}
    if options.out.is_file() and not options.again:
        results = json.loads(options.out.read_text(encoding="utf-8"))
    parts: dict[str, Part] = {
        "one worker": lambda found: one_worker(found, options.seconds),
        "stock Rasa": lambda found: stock(found, options.seconds),
        "two workers": lambda found: two_workers(found, options.seconds),
        "many conversations": lambda found: many(found, options.conversations),
        "long conversation": lambda found: long_conversation(found, options.turns),
        "overload": lambda found: overload(found, 20.0),
    }
    chosen = options.only.split(",") if options.only else [name for name in parts if name not in results]
    try:
        for name in chosen:
            print(f"· {name}", flush=True)
            asyncio.run(parts[name](results))
            results[name] |= {"machine": report.machine()}
            options.out.parent.mkdir(exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    finally:
        ENGINES.remove()
    print(report.tables(results))
    report.publish(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
