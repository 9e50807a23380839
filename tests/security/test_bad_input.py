"""Bad input to the running companion: the fixed cases, each on one channel, and a share of the generated ones.

``make fuzz`` runs every case on both channels and thousands of generated ones, and prints the figures.
"""

from __future__ import annotations

from collections import Counter

from tests.hostile import cases, generate
from tests.hostile.run import Runner, other_patient, rasa_process
from tests.security.conftest import House


def test_the_fixed_cases_are_as_many_as_promised_and_all_different() -> None:
    found = Counter(case.kind for case in cases.all_cases())
    assert {kind: found[kind] >= count for kind, count in cases.COUNTS.items()} == dict.fromkeys(cases.COUNTS, True)
    assert sum(found.values()) >= 700
    assert len(set(cases.all_cases())) == len(cases.all_cases())


def test_no_fixed_case_breaks_or_silences_the_companion(house: House) -> None:
    runner, before = Runner(house), rasa_process(house)
    jobs = [(case, ("rest", "web")[number % 2]) for number, case in enumerate(cases.all_cases())]
    with other_patient(runner) as seconds:
        results = runner.run_all(jobs)
    assert [(r.kind, r.name, r.wrong) for r in results if r.wrong] == []
    assert rasa_process(house) == before
    assert seconds
    assert float("inf") not in seconds


def test_no_generated_text_breaks_or_silences_the_companion(house: House) -> None:
    runner, before = Runner(house), rasa_process(house)
    results = generate.texts(runner, 120, seed=1)
    assert [(r.kind, r.name, r.wrong) for r in results if r.wrong] == []
    assert len(results) >= 120
    assert rasa_process(house) == before
    assert runner.alive()
