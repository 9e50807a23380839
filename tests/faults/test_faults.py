"""A short run of the fault matrix; ``make faults`` has all of it.

All embedded rows share one companion, which is what makes them short; each has patients of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checker import Limits
from tests.faults.engines import ENGINES, missing
from tests.faults.network import RESET
from tests.faults.rows import Scenario, f1, f2, f14_locked, f20, f24_lock, f24_paused, slow
from tests.faults.systems import SECRET, Companion
from tests.faults.world import World

ROWS: dict[str, tuple[Scenario, Limits]] = {
    "F1 the action server is down": (f1, Limits(2.0, 10.0)),
    "F2 the action server answers badly": (f2(("500", "HTML 200", RESET)), Limits(2.0, 10.0)),
    "F3 an action hangs": (slow(30, 3), Limits(2.0, 10.0)),
    "F14 SQLite is locked": (f14_locked(("journal.db", "escalations.db"), 3), Limits(2.0, 10.0)),
    "F20 the patient hangs up and sends again": (f20, Limits(5.0, 10.0)),
    "F24 there is no lock": (f24_lock, Limits(2.0, 10.0)),
    "F24 the conversation is paused": (f24_paused, Limits(2.0, 10.0)),
}


@pytest.fixture(scope="module")
def going(model: Path) -> Iterator[asyncio.Runner]:
    """An event loop that lives as long as the companion."""
    os.environ["IL2_SECRET"] = SECRET
    with asyncio.Runner() as runner:
        yield runner
    del os.environ["IL2_SECRET"]
    ENGINES.remove()


@pytest.fixture(scope="module")
def companion(going: asyncio.Runner) -> Iterator[Companion]:
    system = Companion("short", lock_store={"type": "tests.faults.broken.Locks"})
    going.run(system.start())
    yield system
    going.run(system.stop())


async def _holds(world: World, scenario: Scenario, limits: Limits) -> None:
    await scenario(world)
    result = await world.judge(limits)
    assert result.bit, result.why_not
    assert result.violations == []


@pytest.mark.slow
@pytest.mark.parametrize("row", list(ROWS))
def test_the_companion_holds(row: str, companion: Companion, going: asyncio.Runner) -> None:
    scenario, limits = ROWS[row]
    world = World(row, companion, 1, pace=0.2)
    going.run(_holds(world, scenario, limits))


@pytest.mark.slow
def test_a_worker_of_two_is_killed_and_redis_ends(going: asyncio.Runner) -> None:
    if lacking := missing():
        pytest.skip(f"needs {lacking}")
    from tests.faults.cluster_rows import f4
    from tests.faults.clusters import ClusterCompanion
    from tests.faults.rows import kills

    async def run() -> None:
        system = ClusterCompanion("short")
        await system.start()
        try:
            for row, scenario in {"F8": kills(1), "F4": f4}.items():
                await _holds(World(row, system, 1, pace=0.2), scenario, Limits(12.0, 12.0))
        finally:
            await system.stop()

    going.run(run())
