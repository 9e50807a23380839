"""``python -m tests.nlu.fit_weighing [--write]``: fit how the evidence on a red flag is weighed.

Fits the three formulas of ``bot/triage/weighing.py`` on the development sets with the trained model, prints for several
lines what they would miss and alarm on in ten-fold cross-validation and, with ``--write``, writes the formulas into
``data/clinical/weighing.yml`` (its lines, and its head, stay as they are). Wording rules that were tuned on a set look
better there than they are, so fit after a set has come in and before the rules learn from it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.linear_model import LogisticRegression

from bot.triage import Assessment, assess, weighing
from bot.triage.classifier import GROUPS, Read, ReportClassifier
from tests.nlu import evaluate

STRENGTH = 0.3
"""Inverse of the regularisation, on standardised features."""
BLIND = 0.003
"""Weight of a second copy of each case, without the learnt evidence, for the formula of a report: so the wording rules
are believed also where the detectors are silent."""
LEARNT = {"red_flag", "grave", "urgent", "soon", "frame", *GROUPS}
FOLDS, ROUNDS = 10, 3
LEVEL_FEATURES = (
    *("red_flag", "grave", "urgent", "soon", "rules_soon", "rules_urgent", "rules_emergency", "rules_reading"),
    "rules_symptoms",
)
"""How grave a report is does not hang on how it is framed."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One sentence: its features (whole message first, then its sentences), level and lowest right level."""

    pieces: list[dict[str, float]]
    level: int
    lowest: int
    rules: int
    text: str


def case(row: dict[str, Any], assessment: Assessment, classifier: ReportClassifier, read: Read) -> Case:
    """The evidence on a row of a development set."""
    pieces = classifier.pieces(assessment, row["text"], read)
    level = evaluate.LEVELS.index(row["level"])
    lowest = evaluate.LEVELS.index(row.get("at_least", row["level"]))
    return Case([piece.features for piece in pieces], level, lowest, int(assessment.level), row["text"])


@dataclass(frozen=True)
class Formula:
    """Weights on raw features, and the constant."""

    names: tuple[str, ...]
    weights: Floats
    bias: float

    @classmethod
    def fit(cls, cases: Sequence[Case], wanted: Sequence[bool], names: Sequence[str] = ()) -> Formula:
        """Fit on the whole messages; on all features, or those named."""
        names = tuple(names or cases[0].pieces[0])
        table = np.array([[item.pieces[0][name] for name in names] for item in cases])
        middle, spread = table.mean(0), table.std(0)
        spread[spread == 0] = np.inf  # a feature that never varies has no weight
        blind = np.where([name in LEARNT for name in names], 0, table)
        share = 0 if names == LEVEL_FEATURES else BLIND
        both, counts = np.vstack([table, blind]), np.repeat([1, share], len(table))
        model = LogisticRegression(C=STRENGTH, max_iter=2000)
        model.fit((both - middle) / spread, np.tile(wanted, 2), sample_weight=counts)
        weights = model.coef_[0] / spread
        return cls(names, weights, float(model.intercept_[0] - weights @ middle))

    def probability(self, pieces: Sequence[dict[str, float]]) -> float:
        """The highest probability over pieces of a message; 0 for none."""
        if not pieces:
            return 0.0
        table = np.array([[piece[name] for name in self.names] for piece in pieces])
        return float(1 / (1 + np.exp(-(table @ self.weights + self.bias).max())))

    def rounded(self) -> dict[str, float]:
        """As it stands in the data file."""
        weights = zip(self.names, self.weights, strict=True)
        return {"bias": round(self.bias, 3), **{name: round(float(weight), 3) for name, weight in weights}}


def crossed(cases: Sequence[Case], wanted: Sequence[bool], names: Sequence[str] = ()) -> Floats:
    """By formulas fitted without it, the probability of each case: (whole message, its likeliest sentence)."""
    out = np.zeros((2, len(cases)))
    for seed in range(ROUNDS):
        order = np.random.default_rng(seed).permutation(len(cases))
        for fold in range(FOLDS):
            left_out = set(order[fold::FOLDS].tolist())
            kept = [number for number in range(len(cases)) if number not in left_out]
            formula = Formula.fit([cases[n] for n in kept], [wanted[n] for n in kept], names)
            for number in left_out:
                out[0, number] += formula.probability(cases[number].pieces[:1]) / ROUNDS
                out[1, number] += formula.probability(cases[number].pieces[1:]) / ROUNDS
    return out


def subsets(cases: Sequence[Case]) -> dict[str, tuple[list[Case], list[bool]]]:
    """For each formula the cases it is fitted on and what it should say of them."""
    plain = [item for item in cases if item.level and item.lowest == item.level]
    below = [item for item in plain if item.level < 3]
    return {
        "report": (list(cases), [item.level > 0 for item in cases]),
        "emergency": (plain, [item.level == 3 for item in plain]),
        "urgent": (below, [item.level == 2 for item in below]),
    }


def show(cases: Sequence[Case]) -> None:
    """Print the cross-validated trade-offs."""
    parts = subsets(cases)
    whole, sentence = crossed(*parts["report"])
    chance = np.maximum(whole, sentence)
    level = np.array([item.level for item in cases])
    rules = np.array([item.rules for item in cases])
    grave, none = level >= 2, level == 0
    for line in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        for above in (0.3, 0.4, 0.5):
            seen = (whole >= line) | (sentence >= above)
            print(
                f"report {line}, sentence {above}: missed emergency or urgent {(grave & ~seen).sum()}/{grave.sum()}, "
                f"soon {((level == 1) & ~seen).sum()}/{(level == 1).sum()}, "
                f"false alarms {(none & seen).sum()}/{none.sum()} = {(none & seen).sum() / none.sum():.1%}"
            )
    for line in (0.02, 0.05, 0.1, 0.15, 0.2):
        taken = (rules == 3) & (chance < line)
        print(
            f"doubt {line}: of the emergencies that the rules saw {(taken & (level > 0)).sum()} of "
            f"{((rules == 3) & (level > 0)).sum()} reports and {(taken & none).sum()} of {((rules == 3) & none).sum()} "
            "false alarms lose their level"
        )
    for name, wanted_level in (("emergency", 3), ("urgent", 2)):
        items, wanted = parts[name]
        chance_of = np.maximum(*crossed(items, wanted, LEVEL_FEATURES))
        is_so = np.array(wanted)
        for line in (0.2, 0.3, 0.4, 0.5, 0.6):
            found, raised = (chance_of[is_so] >= line).mean(), (chance_of[~is_so] >= line).sum()
            print(
                f"{name} {line}: found {found:.1%}, lower ones raised {raised}/{(~is_so).sum()} (level {wanted_level})"
            )
    lines = weighing.load().lines
    for item, first, other in zip(cases, whole, sentence, strict=True):
        if (item.level > 0) != (first >= lines["report"] or other >= lines["sentence"]):
            print(f"  {evaluate.LEVELS[item.level]} {first:.2f} {other:.2f}: {item.text[:130]}")


def write(cases: Sequence[Case]) -> None:
    """Put the fitted formulas into the data file, under its own head and lines."""
    head = [line for line in weighing.PATH.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    lines = dict(weighing.load().lines)
    formulas = {
        name: Formula.fit(*part, () if name == "report" else LEVEL_FEATURES).rounded()
        for name, part in subsets(cases).items()
    }
    body = yaml.safe_dump({"version": 1, "lines": lines, "formulas": formulas}, sort_keys=False)
    weighing.PATH.write_text("\n".join(head) + "\n" + body, encoding="utf-8")


def sentences() -> list[dict[str, Any]]:
    """The development sets: red flags said in one message, and leaflet questions, which are no reports."""
    flags = [r for r in evaluate.read("dev", "red_flags") if not r.get("previous") and not r.get("bystander")]
    questions = [row for name in ("questions", "out_of_scope") for row in evaluate.read("dev", name)]
    # Nobody has said which of the questions report something, so those in which the rules see a report are left out.
    quiet = [{"text": row["text"], "level": "none"} for row in questions if not assess(row["text"]).level]
    return [*flags, *quiet]


def collect() -> list[Case]:
    """The evidence of the trained model on all sentences."""
    import asyncio

    from bot.runtime import train, without_tensorflow

    without_tensorflow.install()  # before anything of Rasa
    from bot.nlu import red_flag_gate
    from bot.runtime.agent import load

    agent = load(train.model_path())
    found: list[Case] = []
    judge = ReportClassifier.judge
    rows = {row["text"]: row for row in sentences()}

    def spy(
        self: ReportClassifier, assessment: Assessment, text: str, read: Read, *, otherwise: bool = False
    ) -> Assessment:
        found.append(case(rows[text], assessment, self, read))
        return judge(self, assessment, text, read, otherwise=otherwise)

    red_flag_gate.ReportClassifier.judge = spy  # type: ignore[method-assign]
    try:
        for text in rows:
            asyncio.run(agent.parse_message(text))
    finally:
        red_flag_gate.ReportClassifier.judge = judge  # type: ignore[method-assign]
    return found


def main() -> None:
    """Print, and write if asked to."""
    cases = collect()
    show(cases)
    if "--write" in sys.argv[1:]:
        write(cases)


if __name__ == "__main__":
    main()
