"""An open-loop load: messages come at their rate, whether the earlier ones are answered or not."""

from __future__ import annotations

import asyncio
import time

from tests.faults.patients import Patient
from tests.faults.world import World


async def capacity(world: World, seconds: float = 5.0, talkers: int = 8) -> float:
    """Messages per second that a few patients without pauses get answered."""
    patients = [world.arrives(f"busy{number}") for number in range(talkers)]
    await asyncio.gather(*(patient.say(patient.tells(), "calm") for patient in patients))
    until, before = time.monotonic() + seconds, len(world.history)

    async def talk(patient: Patient) -> None:
        while time.monotonic() < until:
            await patient.say(patient.question(), "calm")

    await asyncio.gather(*map(talk, patients))
    return (len(world.history) - before) / seconds


async def flood(world: World, rate: float, seconds: float) -> int:
    """Send at a rate, and wait for all replies. Every tenth message is a red flag."""
    waiting: list[asyncio.Task[object]] = []
    count = round(rate * seconds)
    patients = [world.arrives(f"flood{number}") for number in range(min(count, 400))]
    # Their conversations are open before the flood begins.
    for begin in range(0, len(patients), 20):
        await asyncio.gather(*(_open(patient) for patient in patients[begin : begin + 20]))
    began = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        patient = patients[number % len(patients)]
        line = patient.flag() if number % 10 == 5 else patient.question()
        waiting.append(asyncio.ensure_future(patient.say(line, world.phase)))
    await asyncio.gather(*waiting)
    return count


async def _open(patient: Patient) -> None:
    if hasattr(patient, "open"):
        await patient.open()
