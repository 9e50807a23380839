"""``python -m tests.privacy.masking``: how many personal details are masked, and how many messages are left alone."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bot.masking import Span, spans

HERE = Path(__file__).parent
_MARKED = re.compile(r"\[\[(?P<it>[^|\]]+)\|(?P<kind>\w+)\]\]")


def marked(line: str) -> tuple[str, list[Span]]:
    """A line without its marks, and the details that were marked."""
    text, details, at = "", [], 0
    for found in _MARKED.finditer(line):
        text += line[at : found.start()]
        details.append(Span(len(text), len(text) + len(found["it"]), found["kind"]))
        text += found["it"]
        at = found.end()
    return text + line[at:], details


@dataclass
class Figures:
    """What came of a set."""

    wanted: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    masked: int = 0
    right: int = 0
    texts: int = 0
    changed: int = 0
    misses: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """The share of details of which no letter or digit is left."""
        return sum(self.covered.values()) / max(1, sum(self.wanted.values()))

    @property
    def precision(self) -> float:
        """The share of what was masked that is a detail."""
        return self.right / max(1, self.masked)


def measure(file: Path) -> Figures:
    """Mask a set of ``personal`` and ``clean`` texts."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    figures = Figures()
    for line in data["personal"]:
        text, wanted = marked(line)
        _count(figures, text, wanted)
    for text in data["clean"]:
        _count(figures, text, [])
    return figures


def _count(figures: Figures, text: str, wanted: list[Span]) -> None:
    found = spans(text)
    figures.masked += len(found)
    for span in wanted:
        figures.wanted[span.kind] += 1
        left = set(range(span.start, span.end)) - {i for one in found for i in range(one.start, one.end)}
        if any(text[i].isalnum() for i in left):
            figures.misses.append(f"missed {text[span.start : span.end]!r} in {text!r}")
        else:
            figures.covered[span.kind] += 1
    for one in found:
        if any(one.start < span.end and span.start < one.end for span in wanted):
            figures.right += 1
        else:
            figures.misses.append(f"masked {text[one.start : one.end]!r} in {text!r}")
    if not wanted:
        figures.texts += 1
        figures.changed += bool(found)


def questions() -> list[str]:
    """Patients' messages of the development sets, which hold no personal detail."""
    texts: list[str] = []
    for file in sorted(Path("tests/nlu/dev").glob("*.yml")):
        texts += [line for line in _strings(yaml.safe_load(file.read_text(encoding="utf-8"))) if " " in line]
    return texts


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return []


def main() -> int:
    """Print the figures; with ``-v`` every miss."""
    for name in ("dev", "heldout"):
        figures = measure(HERE / f"masking_{name}.yml")
        print(
            f"{name}: recall {figures.recall:.1%} of {sum(figures.wanted.values())}, precision {figures.precision:.1%}",
            end="",
        )
        print(f", {figures.changed} of {figures.texts} texts without a detail changed")
        for kind, count in sorted(figures.wanted.items()):
            print(f"  {kind:8} {figures.covered[kind]}/{count}")
        if "-v" in sys.argv:
            print(*figures.misses, sep="\n")
    texts = questions()
    changed = [text for text in texts if spans(text)]
    print(f"development questions and reports: {len(changed)} of {len(texts)} changed")
    print(*(f"  {text}" for text in changed), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
