"""Weighs the evidence of the wording rules and of the learnt detectors into one level.

Three small logistic formulas over the same named features: is it a report at all; if so, an emergency; if not that,
urgent rather than soon. Their weights stand in ``data/clinical/weighing.yml`` and can be read there one by one; they
were fitted on the development sets by ``python -m tests.nlu.fit_weighing``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from bot.triage.model import Assertion, Finding, Level
from bot.triage.rules import DATA, RulesError

PATH = DATA / "weighing.yml"
FORMULAS = ("report", "emergency", "urgent")
LINES = ("report", "unseen", "sentence", "normal", "doubt", "emergency", "urgent")
_LONGEST = 60
_MANY = 3


@dataclass(frozen=True)
class Learnt:
    """What the learnt detectors say of a piece of text.

    Attributes:
        scores: by feature name, the scores of the meaning detector's labels, summed by group.
        frame: log-odds of a report by the words around the symptom.
    """

    scores: Mapping[str, float]
    frame: float


@dataclass(frozen=True)
class Weighing:
    """The formulas and where their lines are drawn.

    Attributes:
        formulas: for each of :data:`FORMULAS` the weight of each feature; ``bias`` is the constant.
        lines: ``report``: probability from which a message is a report; ``unseen``: the same where the rules see no
            report in it and the topic classifier takes it for something else; ``sentence``: for one of its sentences;
            ``normal``: where the rules see a normal reading and nothing else.
            ``doubt``: all of them, where the wording rules saw an emergency. ``emergency`` and ``urgent``:
            probability from which a report has that level.
    """

    formulas: Mapping[str, Mapping[str, float]]
    lines: Mapping[str, float]

    def probability(self, formula: str, features: Mapping[str, float]) -> float:
        """The probability that a formula gives."""
        weights = self.formulas[formula]
        logit = weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in features.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))

    def level(self, features: Mapping[str, float]) -> Level:
        """The level of a report with these features."""
        if self.probability("emergency", features) >= self.lines["emergency"]:
            return Level.EMERGENCY
        return Level.URGENT if self.probability("urgent", features) >= self.lines["urgent"] else Level.SOON


def features(piece: str, findings: Sequence[Finding], learnt: Learnt) -> dict[str, float]:
    """The evidence on a piece of a message, by name.

    Args:
        piece: the words.
        findings: what the rules found in this piece.
        learnt: what the learnt detectors say of it.
    """
    present = [finding for finding in findings if finding.level]
    level = max((finding.level for finding in present), default=Level.NONE)
    out = {
        **learnt.scores,
        "frame": learnt.frame,
        "length": min(_LONGEST, len(piece.split())) / 20,
        "question": float("?" in piece),
        "rules_reading": float(any(finding.reading is not None for finding in present)),
        "rules_symptoms": float(min(_MANY, len({finding.row for finding in present}))),
    }
    for name in (Level.SOON, Level.URGENT, Level.EMERGENCY):
        out[f"rules_{name.label}"] = float(level is name)
    # Beside a symptom that is there, what is denied or past takes nothing from it.
    said = {finding.assertion for finding in findings} if level is Level.NONE else set()
    for assertion in Assertion:
        if assertion is not Assertion.NOW:
            out[f"rules_{assertion.value}"] = float(assertion in said)
    return out


@lru_cache(maxsize=2)
def load(path: Path = PATH) -> Weighing:
    """The weighing of the data file.

    Raises:
        RulesError: the file is missing or wrong; one sentence.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        formulas = {name: {str(k): float(v) for k, v in data["formulas"][name].items()} for name in FORMULAS}
        lines = {name: float(data["lines"][name]) for name in LINES}
    except OSError as error:
        raise RulesError(f"{path.name}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RulesError(f"{path.name}: not valid YAML") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RulesError(
            f"{path.name}: needs formulas {', '.join(FORMULAS)} and lines {', '.join(LINES)}, with numbers"
        ) from error
    for name, weights in formulas.items():
        if "bias" not in weights:
            raise RulesError(f"{path.name}: formula {name} has no bias")
    return Weighing(formulas, lines)
