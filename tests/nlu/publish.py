"""``python -m tests.nlu.publish``: the held-out figures and every miss into the pages that publish them.

Takes ``reports/nlu-heldout.json``, which ``python -m tests.nlu.evaluate heldout`` writes. In ``docs/qa.md`` and
``docs/clinical-safety.md`` it replaces what stands between the markers ``<!-- held-out figures -->`` and
``<!-- held-out misses -->`` and their ends.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

REPORT = Path("reports/nlu-heldout.json")
QUESTIONS = ("question: the fact is in the answer", "two questions", "out of scope")
PAGES = {Path("docs/qa.md"): QUESTIONS, Path("docs/clinical-safety.md"): ("red flag", "no alarm: ")}
"""Each page, and how the names of the figures begin whose misses it lists."""


def table(report: dict[str, Any]) -> str:
    """All figures."""
    lines = ["| held-out figure | right | share (95 % interval) |", "|---|---|---|"]
    for name, row in report.items():
        low, high = row["interval"]
        share = row["right"] / row["total"]
        lines.append(f"| {name} | {row['right']}/{row['total']} | {share:.1%} ({low:.1%} to {high:.1%}) |")
    return "\n".join(lines)


def misses(report: dict[str, Any], kinds: tuple[str, ...]) -> str:
    """Every miss of the figures whose names begin so; one that stands under an earlier figure is not repeated."""
    parts: list[str] = []
    listed: set[str] = set()
    for name, row in report.items():
        new = [miss for miss in row["misses"] if miss not in listed]
        if not name.startswith(kinds) or name == "no alarm: all" or not new:
            continue
        more = " more" if len(new) < len(row["misses"]) else ""
        parts += [f"**{name}** ({len(new)}{more})", "\n".join(f"- {miss}" for miss in new)]
        listed.update(new)
    return "\n\n".join(parts)


def put(page: str, marker: str, text: str) -> str:
    """The page with a marked part replaced.

    Raises:
        ValueError: when the page has no such part.
    """
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- end of {marker} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"no part is marked {marker!r}")
    return pattern.sub(lambda found: f"{found[1]}{text}\n\n{found[2]}", page)


def main() -> int:
    """Write both pages."""
    if not REPORT.is_file():
        print(f"{REPORT} is missing. Run: .venv/bin/python -m tests.nlu.evaluate heldout", file=sys.stderr)
        return 1
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    for file, kinds in PAGES.items():
        page = put(file.read_text(encoding="utf-8"), "held-out figures", table(report))
        file.write_text(put(page, "held-out misses", misses(report, kinds)), encoding="utf-8")
        print(f"wrote {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
