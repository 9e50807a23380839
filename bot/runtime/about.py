"""``python -m bot.runtime.about``: versions, sizes and memory of what is installed, measured now."""

from __future__ import annotations

import asyncio
import platform
import resource
import sys
import sysconfig
import time
from importlib.metadata import version
from pathlib import Path

import aiohttp

from bot.encoder import default_path
from bot.runtime import serve, train

MEGABYTE = 1_000_000
LIMITS = {"installed packages": 1000, "Rasa server's memory": 450, "model": 60}
"""What the project promises, in MB."""


def folder_size(folder: Path) -> float:
    """Size of the files below a folder in MB; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            status = file.stat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values()) / MEGABYTE


def resident(pid: int) -> float:
    """Resident memory of a process in MB, read from /proc; 0 where there is none."""
    status = Path(f"/proc/{pid}/statm")
    if not status.is_file():
        return 0.0
    return int(status.read_text().split()[1]) * resource.getpagesize() / MEGABYTE


async def measure() -> tuple[float, float]:
    """Start both servers, ask a question, and give the seconds until then and the Rasa server's memory in MB.

    Raises:
        ServeError: when they do not start.
    """
    port = serve.free_port()
    running = serve.services("127.0.0.1", port, train.model_path())
    began = time.monotonic()
    try:
        await asyncio.gather(*(service.start() for service in running))
        await asyncio.gather(*(service.until_ready() for service in running))
        async with aiohttp.ClientSession() as session:
            question = {"sender": "about", "message": "How long is one infusion?"}
            async with session.post(f"http://127.0.0.1:{port}/webhooks/rest/webhook", json=question) as answer:
                answer.raise_for_status()
        rasa = running[-1].process
        assert rasa is not None
        return time.monotonic() - began, resident(rasa.pid)
    finally:
        await asyncio.gather(*(service.stop() for service in running))


def main() -> int:
    """Print the table."""
    try:
        seconds, memory = asyncio.run(measure())
    except (serve.ServeError, aiohttp.ClientError) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    print(f"Python {platform.python_version()}, Rasa {version('rasa')}, spaCy {version('spacy')}")
    rows = [
        ("installed packages", folder_size(Path(sysconfig.get_paths()["purelib"]))),
        ("sentence encoder", folder_size(default_path())),
        ("model", train.model_path().stat().st_size / MEGABYTE),
        ("Rasa server's memory", memory),
    ]
    for name, size in rows:
        limit = f"  (at most {LIMITS[name]})" if name in LIMITS else ""
        print(f"{name:22}{size:8.0f} MB{limit}")
    print(f"{'start to first answer':22}{seconds:8.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
