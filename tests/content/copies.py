"""Runs of eight words that also stand in a leaflet, found without the leaflets.

``leaflet_runs.bin`` holds the first six bytes of the SHA-256 of every run of eight words of the five leaflets, sorted.
The runs cannot be read from it. ``python -m tests.content.copies FOLDER`` makes it from the leaflets' text files.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

RUN = 8
SIZE = 6
FILE = Path(__file__).with_name("leaflet_runs.bin")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9'’.%-]*")


def runs(text: str) -> Iterator[tuple[str, bytes]]:
    """Each run of eight words of a text, and its short hash."""
    words = [match[0].lower().strip(".'’-") for match in _WORD.finditer(text)]
    for start in range(len(words) - RUN + 1):
        run = " ".join(words[start : start + RUN])
        yield run, hashlib.sha256(run.encode()).digest()[:SIZE]


def known(file: Path = FILE) -> frozenset[bytes]:
    """The hashes of the leaflets' runs."""
    content = file.read_bytes()
    return frozenset(content[i : i + SIZE] for i in range(0, len(content), SIZE))


def copied(text: str, leaflets: frozenset[bytes]) -> list[str]:
    """The runs of a text that stand in a leaflet too."""
    return [run for run, digest in runs(text) if digest in leaflets]


def main() -> None:
    """Make the file from a folder of leaflets."""
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in sorted(Path(sys.argv[1]).glob("*.txt"))]
    FILE.write_bytes(b"".join(sorted({digest for text in texts for _, digest in runs(text)})))
    print(f"{FILE}: {FILE.stat().st_size // SIZE} runs of {len(texts)} leaflets")


if __name__ == "__main__":
    main()
