"""``make evaluate``: the trained bot on a set of sentences, as one static page and as JSON.

Writes ``reports/index.html`` (plots inlined, opens without a network) and ``reports/report.json``, which
``make compare A=... B=...`` reads.
"""

from __future__ import annotations

import asyncio
import io
import json
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tests.nlu import detectors, evaluate, noise
from tests.nlu.evaluate import LEVELS, Figure, Outcome

OUT = Path("reports")
THRESHOLDS = [round(0.02 * i, 2) for i in range(51)]
ROBUST_PARTS = ("question", "red_flag")
ROBUST_FIGURES = (
    "question: the fact is in the answer",
    "red flag: emergency or urgent never none",
    "no alarm: all",
)


# -- figures beyond those of evaluate.py ----------------------------------------------------------------------------


def by_topic(found: Iterable[Outcome]) -> list[Figure]:
    """How many questions of each topic got their fact; the topic is that of the first right answer."""
    topics: dict[str, Figure] = {}
    known = _topics()
    for one in found:
        if one.part == "question":
            topic = known.get(one.wanted[0], one.wanted[0].partition("_")[0])
            topics.setdefault(topic, Figure(topic)).add(one.right, one.miss)
    return sorted(topics.values(), key=lambda figure: (figure.share, figure.name))


def _topics() -> dict[str, str]:
    """The topic of each answer."""
    from bot.importer import read_nlu

    _, responses = read_nlu(sorted(Path("data/nlu").glob("*.yml")))
    return {
        name.removeprefix("utter_faq/"): variants[0]["metadata"]["topic"].replace("_", " ")
        for name, variants in responses.items()
        if name.startswith("utter_faq/")
    }


def by_answer(found: Iterable[Outcome]) -> list[Figure]:
    """The recall of each answer: of the questions it is right for, how many got it or another right one."""
    answers: dict[str, Figure] = {}
    for one in found:
        for answer in one.wanted if one.part == "question" else ():
            answers.setdefault(answer, Figure(answer)).add(one.right, one.miss)
    return sorted(answers.values(), key=lambda figure: (figure.share, -figure.total, figure.name))


def confusions(found: Iterable[Outcome]) -> list[tuple[str, str, list[str]]]:
    """(wanted answer, what was given instead, the sentences), the most frequent first."""
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found:
        if one.part == "question" and not one.right:
            if one.given:
                got = one.given[0]
            elif one.level != "none":
                got = f"(alarm: {one.level})"
            else:
                got = f"({', '.join(one.referral) or 'no answer'})"
            pairs[one.wanted[0], got].append(one.text)
    return sorted(((*pair, texts) for pair, texts in pairs.items()), key=lambda row: (-len(row[2]), row[:2]))


def levels(found: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """How often each wanted level was given as which level; sentences without earlier messages."""
    table = {wanted: dict.fromkeys(LEVELS, 0) for wanted in reversed(LEVELS)}
    for one in found:
        if one.part == "red_flag" and not one.earlier:
            table[one.wanted[0]][one.level] += 1
    return table


def curve(found: Iterable[Outcome]) -> list[dict[str, float]]:
    """What a threshold on the probability that a leaflet answers a message does.

    ``coverage`` is the share of questions answered, ``accuracy`` the share of these whose first answer is right, and
    ``let_through`` the share of out-of-scope messages answered.
    """
    asked = [one for one in found if one.scope is not None]
    inside = [(one.scope or 0.0, one.best in one.wanted) for one in asked if one.part == "question"]
    outside = [one.scope or 0.0 for one in asked if one.part == "out_of_scope"]
    points = []
    for threshold in THRESHOLDS:
        answered = [right for scope, right in inside if scope >= threshold]
        points.append(
            {
                "threshold": threshold,
                "coverage": len(answered) / max(1, len(inside)),
                "accuracy": sum(answered) / len(answered) if answered else 1.0,
                "let_through": sum(scope >= threshold for scope in outside) / max(1, len(outside)),
            }
        )
    return points


def calibration(found: Iterable[Outcome], bins: int = 10) -> tuple[list[dict[str, float]], float]:
    """Whether the probability that a leaflet answers a message holds.

    For each tenth of it: its mean, the share of messages that a leaflet does answer, and their number. The second value
    is the expected calibration error.
    """
    asked = [(one.scope, one.part == "question") for one in found if one.scope is not None]
    rows, error = [], 0.0
    for i in range(bins):
        inside = [(p, true) for p, true in asked if i / bins <= p < (i + 1) / bins or (i == bins - 1 and p == 1)]
        if inside:
            said, was = (float(np.mean([pair[k] for pair in inside])) for k in (0, 1))
            rows.append({"probability": said, "share": was, "count": len(inside)})
            error += abs(said - was) * len(inside) / len(asked)
    return rows, error


def latency(found: Iterable[Outcome]) -> dict[str, float]:
    """Milliseconds for a message in this process: median, 95th percentile, longest."""
    times = [one.milliseconds for one in found]
    return {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95)), "longest": max(times)}


def grades() -> dict[str, float]:
    """The Flesch-Kincaid grade of each leaflet answer."""
    from tests.content.test_answers import ANSWERS, grade

    return {name.removeprefix("faq/"): grade(response["text"]) for name, (_, response) in ANSWERS.items()}


async def robustness(agent: Any, kind: str, every: int = 1) -> dict[str, dict[str, tuple[int, int]]]:
    """Right and all for the main figures, as typed and spoilt in each way of :mod:`tests.nlu.noise`."""
    table = {}
    for name, change in {"as typed": str, **noise.KINDS}.items():
        found = await evaluate.outcomes(agent, kind, ROBUST_PARTS, change, every=every, rank=False)
        made = {figure.name: figure for figure in evaluate.figures(found)}
        table[name] = {figure: (made[figure].right, made[figure].total) for figure in ROBUST_FIGURES}
    return table


# -- the page -------------------------------------------------------------------------------------------------------


def _svg(draw: Any, width: float = 6.2, height: float = 3.6) -> str:
    """A plot as inline SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def _plot_calibration(report: dict[str, Any]) -> str:
    def draw(axes: Any) -> None:
        points = report["calibration"]
        axes.plot([0, 1], [0, 1], color="#999", linewidth=1, linestyle="--")
        axes.scatter(
            [p["probability"] for p in points],
            [p["share"] for p in points],
            s=[20 + 2 * p["count"] for p in points],
            color="#1f6f8b",
        )
        axes.set(xlabel="probability that a leaflet answers it", ylabel="share that a leaflet answers")

    return _svg(draw)


def _plot_curve(report: dict[str, Any]) -> str:
    def draw(axes: Any) -> None:
        x = [p["threshold"] for p in report["curve"]]
        for key, label, color in (
            ("coverage", "questions answered", "#1f6f8b"),
            ("accuracy", "first answer right, of those answered", "#3a7d44"),
            ("let_through", "out of scope, yet answered", "#b23a48"),
        ):
            axes.plot(x, [p[key] for p in report["curve"]], label=label, color=color)
        axes.set(xlabel="threshold on that probability (the bot uses 0.5)", ylabel="share", ylim=(0, 1.02))
        axes.axvline(0.5, color="#999", linewidth=1, linestyle="--")
        axes.legend(frameon=False, fontsize=8)

    return _svg(draw)


def _plot_grades(report: dict[str, Any]) -> str:
    def draw(axes: Any) -> None:
        axes.hist(list(report["grades"].values()), bins=np.arange(0, 9.5, 0.5), color="#1f6f8b")
        axes.axvline(6, color="#b23a48", linewidth=1, linestyle="--")
        axes.set(xlabel="reading grade (Flesch-Kincaid)", ylabel="answers")

    return _svg(draw, height=2.6)


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid #ddd;padding:.25rem .75rem;
text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:#9b1c2c}h2{margin-top:2.5rem}svg{max-width:100%;height:auto}li{margin:.2rem 0}
"""


def _table(head: Iterable[str], body: Iterable[Iterable[Any]]) -> str:
    def cell(value: Any) -> str:
        number = isinstance(value, int | float) or (isinstance(value, str) and value.endswith("%"))
        return f"<td{' class=n' if number else ''}>{escape(str(value))}</td>"

    rows = "".join(f"<tr>{''.join(cell(value) for value in row)}</tr>" for row in body)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{rows}</table>"


def _figure_rows(figures: Iterable[Figure]) -> list[list[Any]]:
    return [
        [f.name, f"{f.right}/{f.total}", f"{f.share:.1%}", f"{f.interval[0]:.1%} to {f.interval[1]:.1%}"]
        for f in figures
    ]


def _detector_rows(report: dict[str, dict[str, Any]]) -> list[list[Any]]:
    return [
        [detector, *_figure_rows([Figure(name, right, total)])[0]]
        for detector, figures in report.items()
        for name, (right, total) in figures.items()
    ]


def page(report: dict[str, Any], found: list[Outcome]) -> str:
    """The whole page."""
    figures = evaluate.figures(found)
    weak = [f for f in by_answer(found) if f.share < 1]
    pairs = [[wanted, got, len(texts), " · ".join(texts)] for wanted, got, texts in confusions(found)]
    robust = [
        [kind, *(f"{right / total:.1%}" for right, total in row.values())] for kind, row in report["robustness"].items()
    ]
    misses = "".join(
        f"<h3>{escape(f.name)} ({len(f.misses)})</h3>"
        f"<ul>{''.join(f'<li>{escape(miss)}</li>' for miss in f.misses)}</ul>"
        for f in figures
        if f.misses and f.name != "no alarm: all"
    )
    high = sorted((grade, name) for name, grade in report["grades"].items() if grade > 6)[::-1]
    times = report["latency"]
    body = f"""
<h1>How good the companion is on the set "{escape(report["set"])}"</h1>
<p>{escape(report["date"])}, commit {escape(report["commit"])}, Python {escape(report["python"])}. All sentences are
invented; no patient wrote any. Intervals are 95 % Wilson intervals.</p>
<h2>Figures</h2>{_table(["figure", "right", "share", "interval"], _figure_rows(figures))}
<h2>Red flags: wanted level (rows) and given level</h2>
{_table(["wanted", *LEVELS], [[wanted, *row.values()] for wanted, row in report["levels"].items()])}
<h2>Red flags: each detector alone</h2><p>Sentences without earlier messages. Both are weighed into one level
(docs/decisions/0007-two-detectors.md); each misses what the other finds.</p>
{_table(["detector", "figure", "right", "share", "interval"], _detector_rows(report["detectors"]))}
<h2>Questions by topic</h2>{_table(["topic", "right", "share", "interval"], _figure_rows(by_topic(found)))}
<h2>Answers that were missed</h2>{_table(["answer", "right", "share", "interval"], _figure_rows(weak))}
<h2>Confusions</h2>{_table(["wanted", "given", "times", "sentences"], pairs)}
<h2>Calibration</h2><p>Expected calibration error {report["calibration_error"]:.3f}. The size of a dot is the number of
messages.</p>{_plot_calibration(report)}
<h2>Coverage and accuracy over the threshold</h2>{_plot_curve(report)}
<h2>Robustness</h2>{_table(["the sentences", *ROBUST_FIGURES], robust)}
<h2>Reading grades</h2><p>Median {float(np.median(list(report["grades"].values()))):.1f}; {len(high)} of
{len(report["grades"])} answers above grade 6.</p>{_plot_grades(report)}
{_table(["answer above grade 6", "grade"], [[name, round(grade, 1)] for grade, name in high])}
<h2>Time for a message</h2><p>Without servers: median {times["p50"]:.0f} ms, 95 % within {times["p95"]:.0f} ms, longest
{times["longest"]:.0f} ms.</p>
<h2>Every miss</h2>{misses}
"""
    head = f'<meta charset="utf-8"><title>IL-2 Companion: figures</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


async def measure(agent: Any, kind: str) -> tuple[dict[str, Any], list[Outcome]]:
    """The report as plain JSON, and the outcomes it is made from."""
    found = await evaluate.outcomes(agent, kind)
    rows, error = calibration(found)
    report = {
        "set": kind,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "python": platform.python_version(),
        "figures": {
            f.name: {"right": f.right, "total": f.total, "interval": f.interval} for f in evaluate.figures(found)
        },
        "answers": {f.name: [f.right, f.total] for f in by_answer(found)},
        "levels": levels(found),
        "detectors": {
            detector: {figure.name: [figure.right, figure.total] for figure in figures}
            for detector, figures in detectors.table(await detectors.levels(agent, kind)).items()
        },
        "calibration": rows,
        "calibration_error": error,
        "curve": curve(found),
        "robustness": await robustness(agent, kind),
        "grades": grades(),
        "latency": latency(found),
        "outcomes": [asdict(one) for one in found],
    }
    return report, found


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Measure and write."""
    from bot.runtime import train
    from bot.runtime.agent import load

    kind = sys.argv[1] if len(sys.argv) > 1 else "heldout"
    report, found = asyncio.run(measure(load(train.model_path()), kind))
    OUT.mkdir(exist_ok=True)
    (OUT / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    (OUT / "index.html").write_text(page(report, found), encoding="utf-8")
    for figure in evaluate.figures(found):
        print(figure.line())
    wrong = Counter(one.part for one in found if not one.right)
    print(f"{OUT}/index.html and {OUT}/report.json are written; wrong: {dict(wrong)}")


if __name__ == "__main__":
    main()
