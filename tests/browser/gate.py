"""``python -m tests.browser.gate``: the widget's measures as a table, in a real browser against the running companion.

Times are printed and marked, but only the other measures fail the gate: machines differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from tests.browser import chromium, measures
from tests.conversations.conftest import stop

REPORT = Path("reports/widget.json")


class Gate:
    """Collects the rows of the table."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []
        self.failed = False

    def row(self, measure: str, found: str, limit: str, good: bool, timed: bool = False) -> None:
        verdict = "ok" if good else ("slow here" if timed else "FAILED")
        self.rows.append((measure, found, limit, verdict))
        self.failed |= not good and not timed
        print(f"· {measure}: {found}", flush=True)

    def table(self) -> str:
        head = ("Measure", "Found", "Limit", "Verdict")
        widths = [max(len(row[column]) for row in (head, *self.rows)) for column in range(4)]
        lines = [
            " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *self.rows)
        ]
        lines.insert(1, "-|-".join("-" * width for width in widths))
        return "\n".join(f"| {line} |" if number != 1 else f"|-{line}-|" for number, line in enumerate(lines))


def measure(gate: Gate, browser: Any, home: str) -> None:
    """Take all measures."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        made.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        return made[-1]

    def taking(what: Callable[[], Any]) -> Any:
        found = what()
        while made:
            made.pop().close()
        return found

    size = measures.gzip_size()
    gate.row("JS and CSS on the wire, gzip", f"{size:,} bytes", "10,240", size <= 10_240)
    foreign, fonts, cookies = taking(lambda: measures.outside_requests(make, home))
    found = f"{len(foreign)} / {len(fonts)} / {cookies}"
    gate.row("requests to others / fonts / cookies", found, "0 / 0 / 0", not (foreign or fonts or cookies))
    load = measures.load_on_a_phone(browser, home)
    gate.row("usable on a throttled phone, median of 3", f"{load.usable:.0f} ms", "1000 ms", load.usable <= 1000, True)
    gate.row("script until then", f"{load.script:.2f} s", "0.10 s", load.script <= 0.10, True)
    violations = {state: taking(lambda s=state: measures.axe_in(make, home, s)) for state in measures.STATES}
    count = sum(map(len, violations.values()))
    cells = f"{len(measures.STATES)} states x {len(measures.SCHEMES)} schemes"
    gate.row(f"axe violations, {cells}", str(count), "0", count == 0)
    keys = taking(lambda: measures.keyboard(make, home))
    gate.row("keyboard steps", f"{sum(keys.values())}/{len(keys)}", "6/6", all(keys.values()) and len(keys) == 6)
    spoken, wrong = taking(lambda: measures.live_region(make, home, 50))
    gate.row("turns spoken exactly once", f"{spoken}/50", "50/50", spoken == 50)
    unsafe = taking(lambda: measures.unsafe(make, home))
    gate.row(f"unsafe results of {len(measures.PAYLOADS)} payloads x 3 ways", str(len(unsafe)), "0", not unsafe)
    changed = taking(lambda: measures.changed_texts(make, home, 1000))
    gate.row("texts that arrive unchanged", f"{1000 - len(changed)}/1000", "1000/1000", not changed)
    losses = taking(lambda: measures.disconnect(make, home, 200))
    found = f"{losses.lost} / {losses.doubled}"
    gate.row("lost / doubled over 200 disconnects", found, "0 / 0", not (losses.lost or losses.doubled or losses.wrong))
    for problem in [
        *foreign,
        *(f"{s}: {v}" for s, all_ in violations.items() for v in all_),
        *wrong,
        *unsafe,
        *losses.wrong,
    ]:
        print(f"  {problem}")


def main() -> int:
    """Serve, measure, print."""
    path = chromium.install()
    if not path:
        print(chromium.HOW, file=sys.stderr)
        return 1
    models = Path(os.environ.get("IL2_MODELS", "models"))
    subprocess.run([sys.executable, "-m", "bot.runtime.train", "--models", str(models)], check=True)
    gate = Gate()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        server = measures.serve(models / "il2.tar.gz", Path(name))
        browser = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        try:
            measure(gate, browser, f"http://127.0.0.1:{server.port}/")
        finally:
            browser.close()
            stop(server)
    print("\n" + gate.table())
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(gate.rows, indent=2) + "\n", encoding="utf-8")
    return int(gate.failed)


if __name__ == "__main__":
    sys.exit(main())
