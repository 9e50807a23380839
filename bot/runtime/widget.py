"""Builds the website widget from its TypeScript sources, with the packages that npm's lock file names.

Runs on the machine's own Python 3 with the standard library alone::

    python3 bot/runtime/widget.py           build bot/web/widget.js
    python3 bot/runtime/widget.py --check   only see whether it is what the sources give, and check the types

Without Node 20 the built file of this repository is used, and one sentence says so.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "widget"
PACKAGES = SOURCES / "node_modules"
OLDEST = 20
"""The oldest version of Node that builds it."""


def main(arguments: list[str]) -> int:
    """Build or check; 1 when the check fails or the sources cannot be built."""
    if not has_node():
        print(f"· Node {OLDEST} or later is not installed: the website widget is used as built in bot/web", flush=True)
        return 0
    if not install():
        print("· npm could not get the widget's packages: the website widget is used as built in bot/web", flush=True)
        return 0
    if "--check" not in arguments:
        return run("node", "build.mjs")
    return run("node", str(PACKAGES / "typescript" / "bin" / "tsc"), "--noEmit") or run("node", "build.mjs", "--check")


def has_node() -> bool:
    """Whether a Node that is new enough is there, with npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", version)
    return found is not None and int(found[1]) >= OLDEST


def install() -> bool:
    """Get exactly the locked packages, once; no package may run a script of its own."""
    stamp, lock = PACKAGES / ".package-lock.json", SOURCES / "package-lock.json"
    if stamp.is_file() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return True
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True)
    if done.returncode == 0:
        stamp.touch()
    return done.returncode == 0


def run(*command: str) -> int:
    """Run a command in the sources' folder."""
    return subprocess.run(command, cwd=SOURCES).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
