"""The bench: its data, its measures, and the loaders of the public sets on tiny made-up files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.bench import engines, metrics, sets
from tests.bench.engines import Prediction, predicted, write_project
from tests.bench.sets import DataSet, Sample

# -- data -----------------------------------------------------------------------------------------------------------


def test_a_sub_sample_keeps_its_share_of_each_label_and_never_fewer_than_the_least() -> None:
    pairs = [(f"big {i}", "big") for i in range(100)] + [(f"small {i}", "small") for i in range(6)] + [("one", "one")]
    kept = sets.thin(pairs, 0.1)
    assert [text for text, label in kept if label == "big"] == [f"big {i}" for i in range(0, 100, 10)]
    assert len([1 for _, label in kept if label == "small"]) == sets.LEAST
    assert ("one", "one") in kept
    assert sets.thin(pairs, 1.0) == pairs


def test_our_own_set_holds_questions_strangers_red_flags_and_answers() -> None:
    data = sets.ours("dev", share=0.05)
    assert {sample.labels for sample in data.test} > {()}
    labels = {label for _, label in data.train}
    assert {label for sample in data.test for label in sample.labels} <= labels
    assert {report for _, report in data.red_flags} == {True, False}
    assert set(data.answers) <= labels


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Tiny files in the layout of the public sets."""
    files = {
        "hint3/train/curekart_train.csv": (
            'sentence,label\n"where, please, is my order",ORDER_STATUS\nsend it back,RETURNS\n'
        ),
        "hint3/test/curekart_test.csv": "sentence,label\norder?,ORDER_STATUS\nhow is the weather,NO_NODES_DETECTED\n",
        "clinc150/data_full.json": json.dumps(
            {
                "train": [["move ten dollars", "transfer"], ["book a table", "book restaurant"]],
                "val": [["not used", "transfer"]],
                "test": [["move money", "transfer"]],
                "oos_train": [["who won in 1966", "oos"]],
                "oos_val": [],
                "oos_test": [["how tall is it", "oos"]],
            }
        ),
        "banking77/train.csv": "text,category\nmy card is gone,lost_card\nwhat rate do I get,exchange_rate\n",
        "banking77/test.csv": "text,category\nlost it,lost_card\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_hint3_is_read_with_its_out_of_scope_messages(public: Path) -> None:
    data = sets.PUBLIC["hint3/curekart"](public)
    assert data.train == [("where, please, is my order", "faq/order_status"), ("send it back", "faq/returns")]
    assert data.test == [Sample("order?", ("faq/order_status",)), Sample("how is the weather", ())]


def test_clinc150_is_read_and_its_strangers_are_a_label_of_their_own(public: Path) -> None:
    data = sets.PUBLIC["clinc150"](public)
    assert ("book a table", "faq/book_restaurant") in data.train
    assert ("who won in 1966", "decline/out_of_scope") in data.train
    assert "not used" not in dict(data.train)
    assert data.test == [Sample("move money", ("faq/transfer",)), Sample("how tall is it", ())]


def test_banking77_is_read(public: Path) -> None:
    data = sets.PUBLIC["banking77"](public)
    assert data.train[1] == ("what rate do I get", "faq/exchange_rate")
    assert data.test == [Sample("lost it", ("faq/lost_card",))]


@pytest.mark.parametrize("name", sets.PUBLIC)
def test_a_set_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(sets.SetMissing, match=r"\.(csv|json) is not there"):
        sets.PUBLIC[name](tmp_path)


# -- measures -------------------------------------------------------------------------------------------------------

INSIDE = [Sample(f"q{i}", ("faq/a",)) for i in range(5)]
OUTSIDE = [Sample("x", ()), Sample("y", ())]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.1, 0.65, 0.2]
PREDICTIONS = [Prediction("faq/a" if i != 1 else "faq/b", score) for i, score in enumerate(SCORES)]


def test_accuracy_counts_in_scope_sentences_alone() -> None:
    assert metrics.accuracy(INSIDE + OUTSIDE, PREDICTIONS) == 0.8


def test_rejection_is_measured_at_the_threshold_of_the_coverage() -> None:
    assert metrics.rejection(INSIDE + OUTSIDE, PREDICTIONS, coverage=0.8) == (0.5, 0.8)
    assert metrics.rejection(INSIDE + OUTSIDE, PREDICTIONS, coverage=0.6) == (1.0, 0.6)


def test_an_engine_that_answers_too_little_is_measured_at_the_coverage_it_reaches() -> None:
    shy = [
        Prediction("faq/a", 0.5),
        *[Prediction("chitchat/x", 0.0)] * 4,
        Prediction("faq/a", 0.4),
        Prediction("faq/a", 0.6),
    ]
    assert metrics.rejection(INSIDE + OUTSIDE, shy, coverage=0.8) == (0.5, 0.2)


def test_separation_is_the_area_under_the_curve() -> None:
    perfect = [Prediction("faq/a", score) for score in (0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1)]
    assert metrics.separation(INSIDE + OUTSIDE, perfect) == 1.0
    assert metrics.separation(INSIDE + OUTSIDE, [Prediction("faq/a", 0.5)] * 7) == 0.5
    assert metrics.separation(INSIDE, PREDICTIONS[:5]) is None


def test_a_run_becomes_figures_and_a_table() -> None:
    data = DataSet("ours", [], INSIDE + OUTSIDE, {}, [("it hurts", True), ("help", True), ("fine", False)])
    flags = [Prediction("red_flag_urgent", 0.0), Prediction("faq/a", 0.9), Prediction("red_flag_soon", 0.0)]
    run = engines.Run([*PREDICTIONS, *flags], list(range(1, 11)), 60.0, 90.0, 2.0, 30.0, 400.0)
    measured = metrics.measure(data, run)
    assert (measured.red_flags, measured.false_alarms, measured.p50) == (0.5, 1.0, 5.5)
    table = metrics.tables({"ours": {"train": 3, "test": 7, "engines": {"stock": vars(measured)}}})
    assert "| right label, in scope | 80.0% |" in table
    assert "| emergency or urgent seen as a red flag | 50.0% |" in table


# -- what an engine says --------------------------------------------------------------------------------------------


def _selected(label: str, confidence: float = 0.9) -> dict[str, object]:
    return {"response": {"intent_response_key": label, "confidence": confidence}}


@pytest.mark.parametrize(
    ("parsed", "label", "score"),
    [
        # ours
        (
            {"intent": {"name": "faq", "confidence": 0.8}, "response_selector": {"faq": _selected("faq/a")}},
            "faq/a",
            0.8,
        ),
        (
            {"intent": {"name": "offer_choices", "confidence": 0.7}, "choice": {"offers": ["faq/a", "faq/b"]}},
            "faq/a",
            0.3,
        ),
        ({"intent": {"name": "red_flag_urgent", "confidence": 1.0}}, "red_flag_urgent", 0.0),
        (
            {
                "intent": {"name": "red_flag_soon_and_question", "confidence": 1},
                "response_selector": {"faq": _selected("faq/a")},
            },
            "red_flag_soon_and_question",
            0.0,
        ),
        # stock
        (
            {"intent": {"name": "faq", "confidence": 0.8}, "response_selector": {"default": _selected("faq/a", 0.5)}},
            "faq/a",
            0.4,
        ),
        (
            {
                "intent": {"name": "nlu_fallback", "confidence": 0.3},
                "intent_ranking": [{"name": "nlu_fallback", "confidence": 0.3}, {"name": "faq", "confidence": 0.2}],
                "response_selector": {"default": _selected("faq/a", 1.0)},
            },
            "faq/a",
            0.2,
        ),
        (
            {
                "intent": {"name": "decline", "confidence": 0.9},
                "response_selector": {"decline": _selected("decline/cost")},
            },
            "decline/cost",
            0.0,
        ),
    ],
)
def test_a_parse_becomes_a_label_and_the_score_of_answering(
    parsed: dict[str, object], label: str, score: float
) -> None:
    found = predicted(parsed)
    assert found.label == label
    assert found.score == pytest.approx(score)


def test_a_plain_intent_of_a_public_set_gets_its_label_back() -> None:
    parsed = {"intent": {"name": "faq__order", "confidence": 0.7}}
    assert predicted(parsed, {"faq__order": "faq/order"}) == Prediction("faq/order", 0.7)


def test_the_same_project_files_serve_both_rasas(tmp_path: Path) -> None:
    data = DataSet(
        "x", [("where is it", "faq/order"), ("hi\nthere", "greet")], [], {"faq/order": "Your order. It is on its way."}
    )
    write_project(tmp_path, {"pipeline": []}, data)
    nlu = yaml.safe_load((tmp_path / "data/nlu/all.yml").read_text())
    assert {item["intent"]: item["examples"] for item in nlu["nlu"]} == {
        "faq/order": "- where is it\n",
        "greet": "- hi there\n",
    }
    assert nlu["responses"]["utter_faq/order"][0]["metadata"]["title"] == "Your order"
    assert yaml.safe_load((tmp_path / "domain.yml").read_text())["intents"] == ["faq", "greet"]
