"""``python -m bot.runtime.about``: versions, sizes and memory of what is installed, measured now."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import version
from pathlib import Path

from bot.encoder import default_path
from bot.runtime import train

MEGABYTE = 1_000_000
LIMITS = {"installed packages": 1000, "resident memory": 450, "model": 60}
"""What the project promises, in MB."""


def folder_size(folder: Path) -> float:
    """Size of the files below a folder in MB; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            status = file.stat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values()) / MEGABYTE


def probe() -> None:
    """Load the bot, answer a question and print seconds to load and resident memory in MB."""
    import asyncio

    began = time.monotonic()
    from bot.runtime.agent import Chat, load

    chat = Chat(load(train.model_path()))
    asyncio.run(chat.say("How long is one infusion?"))
    seconds = time.monotonic() - began
    print(f"{seconds:.1f} {resident():.0f}")


def resident() -> float:
    """Resident memory of this process in MB; the peak where there is no /proc."""
    status = Path("/proc/self/statm")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return int(status.read_text().split()[1]) * resource.getpagesize() / MEGABYTE


def main() -> None:
    """Print the table."""
    if "--probe" in sys.argv:
        probe()
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-m", "bot.runtime.about", "--probe"]
    measured = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    seconds, memory = measured[-2:]
    print(f"Python {platform.python_version()}, Rasa {version('rasa')}, spaCy {version('spacy')}")
    rows = [
        ("installed packages", folder_size(Path(sysconfig.get_paths()["purelib"]))),
        ("sentence encoder", folder_size(default_path())),
        ("model", train.model_path().stat().st_size / MEGABYTE),
        ("resident memory", float(memory)),
    ]
    for name, size in rows:
        limit = f"  (at most {LIMITS[name]})" if name in LIMITS else ""
        print(f"{name:20}{size:8.0f} MB{limit}")
    print(f"{'load and answer':20}{float(seconds):8.1f} s")


if __name__ == "__main__":
    main()
