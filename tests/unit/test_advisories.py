"""The written list of advisories tells of the versions that are locked."""

from __future__ import annotations

from tests.audit import Row, locked, overrides, problems, rows


def test_the_list_and_the_lock_agree() -> None:
    assert len(rows()) > 30
    assert problems(rows(), locked()) == []


def test_every_lift_is_on_the_list() -> None:
    harmless = {"attrs", "numpy", "packaging", "scipy"}  # lifted for Python 3.12
    assert overrides() - harmless <= {row.package for row in rows()}


def test_a_version_below_the_fix_and_a_change_of_the_lock_are_noticed() -> None:
    row = Row("aiohttp", "3.9.5", "3.14.2", frozenset(), "a client")
    assert "older than 3.14.2" in problems([row], {"aiohttp": "3.9.5"})[0]
    assert "is locked as 3.14.5" in problems([row], {"aiohttp": "3.14.5"})[0]
    assert "is locked as None" in problems([row], {})[0]
    absent = Row("keras", "absent", "", frozenset(), "not installed")
    assert problems([absent], {}) == []
    assert "said to be absent" in problems([absent], {"keras": "2.12"})[0]
