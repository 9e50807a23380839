"""``make faults``: every row of the fault matrix, against the companion and a bare Rasa.

Writes ``reports/faults.json`` and the table in ``docs/operations.md``. A run in which the fault did not bite does not
count as held.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tests.faults import report
from tests.faults.cluster_rows import CLUSTER
from tests.faults.engines import ENGINES
from tests.faults.rows import EMBEDDED
from tests.faults.systems import SECRET


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose id begins so, separated by commas")
    parser.add_argument("--where", choices=["embedded", "cluster"], help="only the rows of one topology")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--systems", default="companion,bare")
    parser.add_argument("--out", type=Path, default=Path("reports/faults.json"))
    options = parser.parse_args()
    os.environ["IL2_SECRET"] = SECRET
    results = report.load(options.out)
    failed = 0
    try:
        for row in [*EMBEDDED, *CLUSTER]:
            if options.only and not {row.id, row.id.split()[0]} & set(options.only.split(",")):
                continue
            if options.where and row.where != options.where:
                continue
            lacking = row.missing()
            for which in options.systems.split(","):
                if which == "bare" and row.bare is None:
                    continue
                if lacking:
                    print(f"{row.id:16} {which:10} not run: this machine has no {lacking}", flush=True)
                    report.keep_missing(results, row, which, lacking)
                    continue
                runs = []
                for seed in range(1, options.seeds + 1):
                    runs.append(asyncio.run(row.run(which, seed)))
                    report.show(runs[-1])
                report.keep(results, row, which, runs)
                report.save(options.out, results)
                failed += which == "companion" and not all(run.held for run in runs)
    finally:
        ENGINES.remove()
        report.publish(results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
