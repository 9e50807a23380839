"""``python -m tests.nlu.fit_scope``: fit the probability that a leaflet answers a message (the classifier's ``Scope``).

Fits the logistic formula on the development sets with the trained model, prints what it would answer and decline in
ten-fold cross-validation, and the weights to put into ``bot/nlu/classifier.py``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.nlu import evaluate

NAMES = ("best", "balance", "against", "declines", "words")
FOLDS = 10


def evidence(agent: Any, texts: list[str]) -> np.ndarray[Any, Any]:
    """The evidence on each text, (n, 5)."""
    from bot.nlu import classifier

    seen: list[tuple[float, ...]] = []
    original = classifier.Scope.probability

    def note(scope: Any, labels: Any, words: int) -> float:
        seen.append(scope.evidence(labels, words))
        return original(scope, labels, words)

    classifier.Scope.probability = note  # type: ignore[method-assign]
    try:
        found = []
        for text in texts:
            seen.clear()
            asyncio.run(agent.parse_message(text))
            found.append(seen[0])  # the whole message comes first, its parts after it
    finally:
        classifier.Scope.probability = original  # type: ignore[method-assign]
    return np.array(found)


def main() -> None:
    """Print the trade-off and the weights."""
    from bot.runtime import train
    from bot.runtime.agent import load

    inside = [row["text"] for row in evaluate.rows("dev", "question")]
    outside = [row["text"] for row in evaluate.rows("dev", "out_of_scope")]
    agent = load(Path(train.model_path()))
    table = evidence(agent, inside + outside)
    wanted = np.array([True] * len(inside) + [False] * len(outside))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="liblinear"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    chance = cross_val_predict(model, table, wanted, cv=folds, method="predict_proba")[:, 1]
    for line in (0.4, 0.45, 0.5, 0.55, 0.6, 0.7):
        answered, declined = (chance[wanted] >= line).mean(), (chance[~wanted] < line).mean()
        print(f"answer from {line:.2f}: {answered:6.1%} of questions, {declined:6.1%} of the others declined")
    scaler, formula = model.fit(table, wanted)
    weights = formula.coef_[0] / scaler.scale_
    print(f"bias: {formula.intercept_[0] - weights @ scaler.mean_:.2f}")
    for name, weight in zip(NAMES, weights, strict=True):
        print(f"{name}: {weight:.2f}")


if __name__ == "__main__":
    main()
