"""The figures of the report and what is said between two reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.nlu import compare, detectors, evaluate, report
from tests.nlu.evaluate import Outcome


def outcome(part: str = "question", text: str = "how long?", **more: Any) -> Outcome:
    plain: dict[str, Any] = {
        "earlier": 0,
        "wanted": ("length_one", "length_all"),
        "given": ("length_one",),
        "buttons": (),
        "referral": (),
        "level": "none",
        "lowest": "none",
        "assertion": "",
        "row": 0,
        "best": "length_one",
        "scope": 0.9,
        "milliseconds": 10.0,
        "right": True,
    }
    return Outcome(part=part, text=text, **{**plain, **more})


def flag(wanted: str, level: str, **more: Any) -> Outcome:
    lowest = more.pop("lowest", wanted)
    return outcome("red_flag", wanted=(wanted,), given=(), level=level, lowest=lowest, scope=None, **more)


MISSED = outcome(text="and all?", given=("weight_gain",), best="weight_gain", scope=0.6, right=False)
DECLINED = outcome(text="in all?", given=(), referral=("out_of_scope",), scope=0.2, right=False)
OUTSIDE = outcome("out_of_scope", "the price?", wanted=("out_of_scope",), given=(), best="length_one", scope=0.1)
FOUND = [outcome(), MISSED, DECLINED, OUTSIDE]


def test_an_answer_is_credited_with_every_question_it_is_right_for() -> None:
    recall = {figure.name: (figure.right, figure.total) for figure in report.by_answer(FOUND)}
    assert recall == {"length_one": (1, 3), "length_all": (1, 3)}


def test_questions_are_counted_by_the_topic_of_their_first_answer() -> None:
    (topic,) = report.by_topic(FOUND)
    assert (topic.name, topic.right, topic.total) == ("length", 1, 3)


def test_confusions_name_the_wrong_answer_or_why_there_was_none() -> None:
    assert report.confusions(FOUND) == [
        ("length_one", "(out_of_scope)", ["in all?"]),
        ("length_one", "weight_gain", ["and all?"]),
    ]
    alarmed = outcome(given=(), level="urgent", right=False)
    assert report.confusions([alarmed])[0][1] == "(alarm: urgent)"


def test_levels_are_counted_without_earlier_messages() -> None:
    found = [flag("urgent", "none", right=False), flag("urgent", "urgent"), flag("urgent", "soon", earlier=1)]
    table = report.levels(found)
    assert table["urgent"] == {"none": 1, "soon": 0, "urgent": 1, "emergency": 0}


def test_each_detector_is_counted_alone() -> None:
    said = {detectors.RULES: "urgent", detectors.LEARNT: "none", detectors.BOTH: "emergency"}
    quiet = dict.fromkeys(said, "none") | {detectors.LEARNT: "soon"}
    found = [({"level": "emergency", "text": "a"}, said), ({"level": "none", "text": "b"}, quiet)]
    counted = {name: [figure.right for figure in row] for name, row in detectors.table(found).items()}
    assert counted == {detectors.RULES: [1, 0, 1], detectors.LEARNT: [0, 0, 0], detectors.BOTH: [1, 1, 1]}
    lower = [({"level": "emergency", "at_least": "urgent", "text": "a"}, said)]
    assert all(figures[1].total == 0 for figures in detectors.table(lower).values())


def test_the_curve_falls_in_coverage_and_in_what_is_let_through() -> None:
    points = {point["threshold"]: point for point in report.curve(FOUND)}
    assert points[0.0] == {"threshold": 0.0, "coverage": 1.0, "accuracy": pytest.approx(2 / 3), "let_through": 1.0}
    assert points[0.5] == {"threshold": 0.5, "coverage": pytest.approx(2 / 3), "accuracy": 0.5, "let_through": 0.0}


def test_a_perfect_probability_has_no_calibration_error() -> None:
    sure = [outcome(scope=1.0), outcome("out_of_scope", scope=0.0)]
    assert report.calibration(sure)[1] == 0
    wrong = [outcome(scope=0.0), outcome("out_of_scope", scope=1.0)]
    assert report.calibration(wrong)[1] == 1


def test_the_figures_of_red_flags_count_what_they_say() -> None:
    found = [
        flag("emergency", "urgent", right=False),
        flag("emergency", "urgent", lowest="urgent"),
        flag("urgent", "none", right=False),
        flag("none", "none", assertion="denied"),
        flag("none", "soon", assertion="past", right=False),
    ]
    figures = {f.name: (f.right, f.total) for f in evaluate.figures(found)}
    assert figures["red flag: emergency or urgent never none"] == (2, 3)
    assert figures["red flag: emergency recognised as emergency"] == (0, 1)
    assert figures["red flag: right level"] == (1, 3)
    assert figures["no alarm: all"] == (1, 2)
    assert figures["no alarm: past"] == (0, 1)


def saved(found: list[Outcome], name: str = "dev") -> dict[str, Any]:
    figures = {f.name: {"right": f.right, "total": f.total} for f in evaluate.figures(found)}
    return {"set": name, "figures": figures, "outcomes": [asdict(one) for one in found]}


def test_a_comparison_names_what_was_fixed_and_what_was_broken() -> None:
    fixed = outcome(text="and all?")
    broken = outcome(given=("weight_gain",), right=False)
    lines = "\n".join(compare.compare(saved(FOUND), saved([broken, fixed, DECLINED, OUTSIDE])))
    assert "fixed: 1\n  question: and all?\n      weight_gain -> length_one" in lines
    assert "broken: 1\n  question: how long?\n      length_one -> weight_gain" in lines
    assert "only in one report" not in lines


def test_a_comparison_says_when_nothing_moved_and_when_sentences_differ() -> None:
    assert compare.compare(saved(FOUND), saved(FOUND))[0] == "No figure moved."
    lines = "\n".join(compare.compare(saved(FOUND), saved(FOUND[:2], "heldout")))
    assert "different sets" in lines
    assert "2 in the old, 0 in the new" in lines


def test_the_page_is_one_file_with_every_miss_and_no_link() -> None:
    rows, error = report.calibration(FOUND)
    data = {
        "set": "dev",
        "date": "today",
        "commit": "abc",
        "python": "3.11",
        "levels": report.levels(FOUND),
        "detectors": {"wording rules alone": {"emergency or urgent found": [3, 4]}},
        "calibration": rows,
        "calibration_error": error,
        "curve": report.curve(FOUND),
        "robustness": {"as typed": dict.fromkeys(report.ROBUST_FIGURES, (1, 2))},
        "grades": {"length_one": 4.0, "length_all": 7.2},
        "latency": report.latency(FOUND),
    }
    page = report.page(data, [*FOUND, outcome(text="<b>bold?</b>", given=(), right=False)])
    assert page.count("<svg") == 3
    assert "and all? -&gt; [&#x27;weight_gain&#x27;]" in page
    assert "<b>bold" not in page
    assert "src=" not in page
    assert "50.0%" in page
