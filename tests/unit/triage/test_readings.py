"""Body readings in patients' words: the table of cases, and what must hold for any string."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.triage.model import Level, Reading
from bot.triage.readings import bare_reading, find_readings, level_of, sources_of
from bot.triage.readings.levels import thresholds
from bot.triage.readings.units import CANONICAL, convert
from bot.triage.readings.vocabulary import PATH, ReadingsFileError, Vocabulary, vocabulary

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "cases" / "readings.yml").read_text(encoding="utf-8"))
TOLERANCE = 0.06
SYMPTOMS = {
    "fever", "low_temperature", "weight_gain", "weight_loss", "vomiting", "diarrhea", "low_urine",
    "heartbeat", "low_blood_pressure", "low_oxygen", "high_sugar", "low_sugar",
}  # fmt: skip


def _matches(reading: Reading, expected: str) -> bool:
    kind, value, *rest = expected.split()
    wanted = dict(part.split("=") for part in rest)
    slack = 1.0 if kind == "urine" else TOLERANCE
    return (
        reading.kind == kind
        and abs(reading.value - float(value)) <= slack
        and all(
            (got := getattr(reading, name)) is not None and abs(got - float(w)) <= TOLERANCE
            for name, w in wanted.items()
        )
    )


def _worst(readings: tuple[Reading, ...]) -> tuple[Level, str | None]:
    return max((level_of(r) for r in readings), default=(Level.NONE, None), key=lambda x: x[0])


@pytest.mark.parametrize(("text", "expected", "level"), CASES["readings"])
def test_finds_reading(text: str, expected: list[str], level: str) -> None:
    readings = find_readings(text)
    compared = readings
    if not any(e.startswith("duration") for e in expected):
        compared = tuple(r for r in readings if r.kind != "duration")
    assert len(compared) == len(expected), readings
    for want in expected:
        assert any(_matches(r, want) for r in compared), (want, readings)
    label, _, symptom = level.partition(" ")
    worst = _worst(readings)
    assert worst[0] is Level.from_label("none" if label == "-" else label)
    assert not symptom or worst[1] == symptom


@pytest.mark.parametrize("text", CASES["none"])
def test_no_reading(text: str) -> None:
    assert find_readings(text) == ()


@pytest.mark.parametrize(("text", "kind", "expected"), CASES["bare"])
def test_bare_answer(text: str, kind: str, expected: str | None) -> None:
    reading = bare_reading(text, kind)
    if expected is None:
        assert reading is None
    else:
        assert reading is not None
        assert _matches(reading, expected), reading


@pytest.mark.parametrize(("text", "expected", "_level"), CASES["readings"])
def test_case_of_letters_does_not_matter(text: str, expected: list[str], _level: str) -> None:
    found = [(r.kind, r.value, r.days, r.per_hours) for r in find_readings(text)]
    shouted = [(r.kind, r.value, r.days, r.per_hours) for r in find_readings(text.upper())]
    assert shouted == found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my tepm is 38.6", "temperature"),
        ("themometer says 39", "temperature"),
        ("pusle 128", "pulse"),
        ("been isck four tiems", "count"),
        ("gaiend 6 puonds", "weight_change"),
        ("bloood presure 85", "systolic"),
        ("glucsoe 280", "sugar"),
        ("oxgyen 91", "oxygen"),
    ],
)
def test_slips_of_the_finger(text: str, kind: str) -> None:
    readings = find_readings(text)
    assert [r.kind for r in readings] == [kind]
    assert level_of(readings[0])[0] >= Level.URGENT


def test_a_word_of_its_own_is_no_slip() -> None:
    assert find_readings("items 4 from there, the carp weighs 5") == ()


@given(st.sampled_from(CASES["readings"]))
def test_an_unrelated_sentence_never_lowers(case: list[Any]) -> None:
    text = case[0]
    level = _worst(find_readings(text))[0]
    assert _worst(find_readings(f"Hello, thanks for your help. {text}"))[0] >= level
    assert _worst(find_readings(f"{text}. The weather is nice here"))[0] >= level


def test_table_is_large_enough() -> None:
    assert len(CASES["none"]) >= 60
    assert sum(len(CASES[part]) for part in ("readings", "none", "bare")) >= 250


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("temp 36.8", True),
        ("temp 38", False),
        ("temp 35.5", False),
        ("bp 120/80", True),
        ("bp 170/95", None),
        ("sugar 12", None),
        ("sugar 6", True),
        ("sats 98", True),
        ("gained 1 lb this week", True),
        ("been sick once", False),
        ("itchy for 3 days", None),
    ],
)
def test_normal(text: str, normal: bool | None) -> None:
    assert [r.normal for r in find_readings(text)] == [normal]


def test_span_points_into_the_original_text() -> None:
    text = "Hello \U0001f600 \u0130stanbul \u2013 my temp\u2019s thirty-nine two, help"
    (reading,) = find_readings(text)
    assert text[slice(*reading.span)] == reading.text == "thirty-nine two"


@pytest.mark.parametrize(
    ("value", "unit", "kind", "expected"),
    [
        (99.5, "degF", "temperature", 37.5),
        (96.8, "degF", "temperature", 36.0),
        (5, "pound", "weight_change", 2.268),
        (1, "stone", "weight_change", 6.3503),
        (250, "mg/dL", "sugar", 13.8766),
        (70, "mg/dL", "sugar", 3.8854),
        (1, "cup", "urine", 236.5882),
    ],
)
def test_units(value: float, unit: str, kind: str, expected: float) -> None:
    assert convert(value, unit, kind) == pytest.approx(expected, abs=1e-4)


def test_thresholds_name_known_symptoms_and_sources() -> None:
    known = {"kca", "goodrx", "macmillan", "aldesleukin_iv", "upmc", "cs"}
    for topic in vocabulary().at("thresholds"):
        for line in thresholds(topic):
            assert line.symptom in SYMPTOMS
            assert line.level is not Level.NONE
            assert line.sources
            assert set(line.sources) <= known


def test_sources_of() -> None:
    assert "macmillan" in sources_of(find_readings("temp 38")[0])
    assert sources_of(find_readings("temp 36.8")[0]) == ()


def test_broken_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.yml"
    with pytest.raises(ReadingsFileError, match=r"none\.yml"):
        Vocabulary.from_file(missing)
    missing.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(ReadingsFileError, match="mapping"):
        Vocabulary.from_file(missing)
    gap = Vocabulary({"units": {"stone": "x"}})
    with pytest.raises(ReadingsFileError, match="units > stone"):
        gap.words("units", "stone")
    with pytest.raises(ReadingsFileError, match="plausible > pulse is missing"):
        gap.number("plausible", "pulse")
    assert PATH.name == "readings.yml"


_WORDS = (
    "38 38.5 101 85/50 temp pulse sats sugar bp a half hundred and one oh two point stone lb kg up "
    "gained was now from to 81 84 sick times loo twice not peed for since every hours ml only all "
    "day HI . , - / % \u00b0 \u00bd x 3x 5th # 0hundred"
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(_WORDS.split()), max_size=40).map(" ".join)))
def test_any_string(text: str) -> None:
    for reading in find_readings(text):
        start, end = reading.span
        assert 0 <= start < end <= len(text)
        assert text[start:end] == reading.text
        assert math.isfinite(reading.value)
        assert reading.unit == CANONICAL[reading.kind]
        level, symptom = level_of(reading)
        assert (level is Level.NONE) == (symptom is None)
        assert reading.normal is not True or level is Level.NONE
        assert level is Level.NONE or reading.normal is False
    for kind in CANONICAL:
        bare_reading(text, kind)


@settings(max_examples=100, deadline=None)
@given(st.floats(37.5, 42.9))
def test_every_fever_is_found(value: float) -> None:
    for text in (f"my temp is {value:.1f}", f"temp {value * 9 / 5 + 32 + 0.05:.1f}F"):
        assert _worst(find_readings(text)) == (Level.URGENT, "fever")


@pytest.mark.parametrize(
    "piece",
    [
        "my temp was 38.4 and I was sick 4 times since lunch. ",
        # what nobody writes, but a keyboard can: all of it ends
        "1 ",
        "a",
        "38 / ",
        "up a ",
        "sick twice ",
        "not had a wee ",
        "one hundred and ",
        "gained about nearly over ",
        "1 stone ",
        "sugar is ",
    ],
)
def test_a_long_message_is_read_to_its_end(piece: str) -> None:
    assert isinstance(find_readings((piece * 2000)[:2000]), tuple)
