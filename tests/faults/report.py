"""The results: a JSON file that later runs add to, and the table in the operations guide."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.world import Result

if TYPE_CHECKING:
    from tests.faults.rows import Row

GUIDE = Path("docs/operations.md")
BEGIN, END = "<!-- faults: written by `make faults` -->", "<!-- /faults -->"


def show(result: Result) -> None:
    state = "holds" if result.held else "FAILS" if result.bit else "did not bite"
    print(
        f"{result.row:16} {result.system:10} seed {result.seed}: {state}; {result.messages} messages,"
        f" {result.flags} red flags (worst {result.flag_worst:.2f} s), others worst {result.other_worst:.2f} s,"
        f" {result.seconds:.0f} s",
        flush=True,
    )
    for words in [*result.notes, result.why_not, *result.violations[:6]]:
        if words:
            print(f"{'':18}{words}", flush=True)
    if len(result.violations) > 6:
        print(f"{'':18}and {len(result.violations) - 6} more", flush=True)


def load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def keep(results: dict[str, Any], row: Row, which: str, runs: list[Result]) -> None:
    entry = results.setdefault(row.id, {})
    entry |= {"fault": row.fault, "goal": row.goal, "where": row.where}
    entry[which] = {
        "runs": [asdict(run) | {"held": run.held} for run in runs],
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }


def keep_missing(results: dict[str, Any], row: Row, which: str, lacking: str) -> None:
    """A row that cannot be injected here; what an earlier run has found on it stays."""
    entry = results.setdefault(row.id, {"fault": row.fault, "goal": row.goal, "where": row.where})
    entry.setdefault(which, {"missing": lacking})


def save(file: Path, results: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=1), encoding="utf-8")


def _cell(entry: dict[str, Any] | None) -> str:
    if not entry:
        return "–"
    if "missing" in entry:
        return f"not run: no {entry['missing']}"
    runs = entry["runs"]
    held = sum(run["held"] for run in runs)
    messages = sum(run["messages"] for run in runs)
    said = "**holds**" if held == len(runs) else f"fails {len(runs) - held} of {len(runs)}" if held else "fails"
    kinds: dict[str, int] = {}
    for run in runs:
        for words in run["violations"]:
            kind = words.split(":")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
        if not run["bit"]:
            kinds["did not bite"] = kinds.get("did not bite", 0) + 1
    listed = "; ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items())
    worst = max((run["flag_worst"] for run in runs), default=0)
    tail = f", red flag ≤ {worst:.2f} s" if worst and held == len(runs) else ""
    return f"{said} ({messages} messages{tail})" + (f": {listed}" if listed else "")


def table(results: dict[str, Any]) -> str:
    lines = ["| Row | Fault | Where | Must hold | Companion | Bare Rasa |", "|---|---|---|---|---|---|"]
    for name, entry in sorted(results.items(), key=lambda item: _order(item[0])):
        cells = [_cell(entry.get("companion")), _cell(entry.get("bare"))]
        lines.append(f"| {name} | {entry['fault']} | {entry['where']} | {entry['goal']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _order(name: str) -> tuple[int, str]:
    return int((re.match(r"F(\d+)", name) or ["", "0"])[1]), name


def publish(results: dict[str, Any], guide: Path = GUIDE) -> None:
    """Write the table between its markers."""
    text = guide.read_text(encoding="utf-8")
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        guide.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
