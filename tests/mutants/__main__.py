"""``make mutants``: break a copy of the companion in each way of mutants.py and show that the tests see it.

The tests of a mutant must pass on the whole copy first, or a failure would prove nothing. Exits 1 when a mutant lives.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bot.runtime import train
from tests.mutants.mutants import MUTANTS, DoesNotFit, Mutant

WORK = Path("var/mutants")
FAILED, PASSED = 1, 0
"""Exit codes of pytest; all others mean that it did not get to run the tests."""
PATIENCE, LEAST = 4, 60.0
"""Tests that run so many times as long as without the mutant, and at least so many seconds, hang: that is seen too."""


def copy_tree(root: Path) -> None:
    """A fresh copy of the tracked and new files, with the trained model."""
    shutil.rmtree(root, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if Path(name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, root / name)
    (root / "var").mkdir()
    (root / "var" / "encoder").symlink_to(Path("var/encoder").resolve())
    (root / "models").mkdir()
    (root / "models" / train.model_path().name).symlink_to(train.model_path().resolve())


def stamp(root: Path) -> None:
    """Have the model taken as current: a mutant is what happens after the training."""
    fingerprint = {"fingerprint": train.fingerprint(root)}
    (root / "models" / f"{train.NAME}.json").write_text(json.dumps(fingerprint), encoding="utf-8")


def run(tests: tuple[str, ...], root: Path, log: Path, limit: float | None = None) -> int:
    """Pytest's exit code in the copy; with a limit in seconds it stops at the first failure, and hanging is one."""
    stamp(root)
    options = ["-q", "-p", "no:cacheprovider", *(["-x"] if limit else [])]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "IL2_MODELS": "models"}
    command = [str(Path(sys.executable)), "-m", "pytest", *tests, *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return FAILED


def check(mutant: Mutant, tree: Path, log: Path, limit: float = LEAST) -> str:
    """What became of a mutant: ``caught``, ``lives``, or why that cannot be told."""
    path = tree / mutant.file
    whole = path.read_bytes()
    try:
        mutant.apply(tree)
        code = run(mutant.tests, tree, log, limit)
    except DoesNotFit as error:
        return f"does not fit any more: {error}"
    finally:
        path.write_bytes(whole)
    return {FAILED: "caught", PASSED: "lives"}.get(code, f"pytest stopped with code {code}, see {log}")


def main() -> int:
    """Check the mutants."""
    parser = argparse.ArgumentParser(prog="make mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    if any(mutant.model for mutant in chosen) and not train.is_current():
        print("There is no current model. Run: make train", file=sys.stderr)
        return 1
    WORK.mkdir(parents=True, exist_ok=True)
    tree = WORK / "tree"
    copy_tree(tree)
    whole: dict[tuple[str, ...], tuple[bool, float]] = {}
    began, alive = time.monotonic(), []
    for number, mutant in enumerate(chosen, 1):
        log = WORK / f"{number:02}.log"
        if mutant.tests not in whole:
            start = time.monotonic()
            passed = run(mutant.tests, tree, log) == PASSED
            whole[mutant.tests] = passed, max(LEAST, PATIENCE * (time.monotonic() - start))
        passed, limit = whole[mutant.tests]
        became = check(mutant, tree, log, limit) if passed else f"cannot be told: its tests fail without it, see {log}"
        if became != "caught":
            alive.append(mutant)
        print(f"{became:8} {mutant.name}", flush=True)
    caught = len(chosen) - len(alive)
    print(f"{caught} of {len(chosen)} mutants caught in {time.monotonic() - began:.0f} s")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
