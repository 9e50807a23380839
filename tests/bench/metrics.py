"""What the bench measures from an engine's predictions, and the tables it prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench.engines import Prediction, Run
from tests.bench.sets import RED_FLAG, DataSet, Sample

COVERAGE = 0.8
"""Share of the in-scope test sentences that each engine must answer before its rejections are counted."""


@dataclass(frozen=True)
class Measures:
    """The figures of one engine on one data set; shares from 0 to 1, None where the set has no such sentences.

    Attributes:
        accuracy: in-scope sentences whose best label is right, without any threshold.
        rejected: out-of-scope sentences that get no answer, at the threshold that answers 80 % of the in-scope ones.
        rejected_at: the coverage at which that was measured: less than 0.8 when the engine labels too many in-scope
            sentences as something other than an answer.
        separation: the chance that an in-scope sentence scores higher than an out-of-scope one (AUROC).
        red_flags: emergencies and urgent reports that are seen as a red flag, of whatever level.
        false_alarms: sentences that report nothing and are taken for a red flag.
        p50, p95: milliseconds for a text.
    """

    accuracy: float | None
    rejected: float | None
    rejected_at: float | None
    separation: float | None
    red_flags: float | None
    false_alarms: float | None
    train_seconds: float
    train_cpu_seconds: float
    load_seconds: float
    model_mb: float
    memory_mb: float
    p50: float
    p95: float


def texts(data: DataSet) -> list[str]:
    """All texts that an engine is asked, in the order that :func:`measure` expects."""
    return [sample.text for sample in data.test] + [text for text, _ in data.red_flags]


def measure(data: DataSet, run: Run) -> Measures:
    """The figures of a run over :func:`texts`."""
    on_test, on_flags = run.predictions[: len(data.test)], run.predictions[len(data.test) :]
    rejected, at = rejection(data.test, on_test)
    seen = [
        (prediction.label.startswith(RED_FLAG), report)
        for prediction, (_, report) in zip(on_flags, data.red_flags, strict=True)
    ]
    return Measures(
        accuracy=accuracy(data.test, on_test),
        rejected=rejected,
        rejected_at=at,
        separation=separation(data.test, on_test),
        red_flags=_mean([alarm for alarm, report in seen if report]),
        false_alarms=_mean([alarm for alarm, report in seen if not report]),
        train_seconds=run.train_seconds,
        train_cpu_seconds=run.train_cpu_seconds,
        load_seconds=run.load_seconds,
        model_mb=run.model_mb,
        memory_mb=run.memory_mb,
        p50=float(np.percentile(run.milliseconds, 50)),
        p95=float(np.percentile(run.milliseconds, 95)),
    )


def _mean(values: list[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def accuracy(samples: list[Sample], predictions: list[Prediction]) -> float | None:
    """The share of in-scope sentences whose best label is one of the right ones."""
    return _mean([p.label in s.labels for s, p in zip(samples, predictions, strict=True) if s.labels])


def _scores(samples: list[Sample], predictions: list[Prediction]) -> tuple[list[float], list[float]]:
    inside = [p.score for s, p in zip(samples, predictions, strict=True) if s.labels]
    outside = [p.score for s, p in zip(samples, predictions, strict=True) if not s.labels]
    return inside, outside


def rejection(
    samples: list[Sample], predictions: list[Prediction], coverage: float = COVERAGE
) -> tuple[float | None, float | None]:
    """The share of out-of-scope sentences below the threshold of that coverage, and the coverage reached."""
    inside, outside = _scores(samples, predictions)
    if not inside or not outside:
        return None, None
    ranked = sorted(inside, reverse=True)
    threshold = ranked[min(len(ranked), max(1, round(coverage * len(ranked)))) - 1]
    if threshold <= 0:
        threshold = min((score for score in inside if score > 0), default=1.0)
    reached = sum(score >= threshold for score in inside) / len(inside)
    return sum(score < threshold for score in outside) / len(outside), reached


def separation(samples: list[Sample], predictions: list[Prediction]) -> float | None:
    """The area under the ROC curve of the answer scores; a tie counts half."""
    inside, outside = _scores(samples, predictions)
    if not inside or not outside:
        return None
    wins = sum((i > o) + (i == o) / 2 for i in inside for o in outside)
    return float(wins / (len(inside) * len(outside)))


NAMES = {
    "companion": "this project",
    "stock": "stock Rasa (DIET)",
    "tfidf": "TF-IDF + logistic regression",
    "bm25": "BM25 over the answers",
}
ROWS: list[tuple[str, str, str]] = [
    ("accuracy", "right label, in scope", "share"),
    ("rejected", "out of scope rejected at 80 % coverage", "share"),
    ("separation", "in scope told from out of scope (AUROC)", "plain"),
    ("red_flags", "emergency or urgent seen as a red flag", "share"),
    ("false_alarms", "false alarms on what reports nothing", "share"),
    ("train_seconds", "training, seconds", "number"),
    ("train_cpu_seconds", "training, CPU seconds", "number"),
    ("model_mb", "model, MB", "number"),
    ("load_seconds", "start to first answer, seconds", "number"),
    ("memory_mb", "resident memory, MB", "number"),
    ("p50", "a message, p50 in ms", "number"),
    ("p95", "a message, p95 in ms", "number"),
]


def _cell(value: float | None, kind: str) -> str:
    if value is None:
        return "–"
    return {"share": f"{value:.1%}", "plain": f"{value:.3f}", "number": f"{value:.1f}"}[kind]


def tables(results: dict[str, Any]) -> str:
    """All results as Markdown tables, one for each data set."""
    lines = []
    for key, table in results.items():
        found = [name for name in NAMES if name in table["engines"]]
        lines += [f"{key}: {table['train']} sentences to learn from, {table['test']} to be tested on", ""]
        lines += ["| | " + " | ".join(NAMES[name] for name in found) + " |", "|---" * (len(found) + 1) + "|"]
        for measure_name, words, kind in ROWS:
            cells = []
            for name in found:
                values = table["engines"][name]
                cell = _cell(values[measure_name], kind)
                if measure_name == "rejected" and values["rejected_at"] is not None and values["rejected_at"] < 0.79:
                    cell += f" (at {values['rejected_at']:.0%})"
                cells.append(cell)
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)
