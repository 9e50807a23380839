"""``make fuzz``: all fixed cases on both channels, thousands of generated ones, and the figures.

The baseline of another patient's waiting time is the same patient beside as many ordinary patients.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot.runtime import train
from tests.conversations.conftest import stop
from tests.hostile import cases, generate
from tests.hostile.cases import FLAGS, QUESTION, Text
from tests.hostile.run import Result, Runner, other_patient, rasa_process, resident_mb
from tests.security.conftest import open_house

THREADS = 3
OPERATIONS = 8
"""How many the description has."""
ORDINARY = (QUESTION, "what is contrast dye?", "can i have the flu jab?", "why do i itch", FLAGS[0], "can i eat kiwi?")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--count", type=int, default=10_000, help="generated cases, at least")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        house = open_house(train.model_path(), Path(folder))
        try:
            return _run(Runner(house), options.count, options.seed)
        finally:
            stop(house.server)


def _run(runner: Runner, count: int, seed: int) -> int:
    process = rasa_process(runner.house)
    print(f"· {len(cases.all_cases())} fixed cases on both channels, {count} generated ones, seed {seed}", flush=True)
    with other_patient(runner) as alone:
        time.sleep(8)
    ordinary = [(Text("ordinary", str(n), ORDINARY[n % len(ORDINARY)]), ("rest", "web")[n % 2]) for n in range(300)]
    with other_patient(runner) as beside_ordinary:
        runner.run_all(ordinary, THREADS)
    before = resident_mb(process)
    jobs = [(case, channel) for case in cases.all_cases() for channel in _channels(case)]
    with other_patient(runner) as beside_bad:
        results = runner.run_all(jobs, THREADS)
        share = math.ceil(count / 4)
        for make in (generate.texts, generate.bodies, generate.walks):
            results += _spread(make, runner, share, seed)
        # In one thread: hypothesis reads the source of schemathesis' functions, which Python 3.11 cannot do in several.
        results += generate.described(runner, math.ceil(share / OPERATIONS), seed)
    wrong = [result for result in results if result.wrong]
    _table(results)
    for result in wrong[:40]:
        print(f"  WRONG {result.kind}: {ascii(result.name)[:80]}: {result.wrong}")
    print(f"\nanother patient's seconds ({'median':>6}, {'p95':>5}, longest)")
    for name, seconds in (("alone", alone), ("beside ordinary", beside_ordinary), ("beside bad input", beside_bad)):
        ordered = sorted(seconds)
        p95 = ordered[int(len(ordered) * 0.95) - 1]
        print(
            f"  {name:18}{statistics.median(ordered):12.2f} {p95:6.2f} {ordered[-1]:8.2f}   of {len(ordered)} answers"
        )
    same = runner.house.server.processes("bot.runtime.rasa") == [process]
    print(f"memory of the Rasa server: {before:.0f} MB before, {resident_mb(process) if same else 0:.0f} MB after")
    print(f"{len(results)} cases, {len(wrong)} wrong; the process {'is the same' if same else 'HAS ENDED'}")
    return int(bool(wrong) or not same or float("inf") in beside_bad)


def _channels(case: cases.Case) -> tuple[str, ...]:
    return ("rest", "web") if isinstance(case, Text) else ("rest",)


def _spread(make: Callable[[Runner, int, int], list[Result]], runner: Runner, count: int, seed: int) -> list[Result]:
    """So many cases, made by several threads with seeds of their own."""
    with ThreadPoolExecutor(THREADS) as pool:
        made = pool.map(
            lambda n: make(runner, math.ceil(count / THREADS), seed * 1_000_003 + n * 10_007), range(THREADS)
        )
        return [result for results in made for result in results]


def _table(results: list[Result]) -> None:
    print(f"\n{'class':16}{'cases':>7}{'wrong':>7}{'median s':>10}{'longest s':>11}")
    for kind in dict.fromkeys(result.kind for result in results):
        some = [result for result in results if result.kind == kind]
        seconds = [result.seconds for result in some]
        wrong = sum(bool(result.wrong) for result in some)
        print(f"{kind:16}{len(some):7}{wrong:7}{statistics.median(seconds):10.2f}{max(seconds):11.2f}")
    flags = [result for result in results if result.kind == "red flag"]
    print(f"\nred flags under noise that alarmed: {sum(result.alarmed for result in flags)} of {len(flags)}")


if __name__ == "__main__":
    sys.exit(main())
