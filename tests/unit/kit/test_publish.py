from __future__ import annotations

import pytest

from tests.nlu import publish

REPORT = {
    "red flag: never none": {"right": 1, "total": 2, "interval": [0.1, 0.9], "misses": ["a report"]},
    "red flag: right level": {"right": 0, "total": 2, "interval": [0.0, 0.7], "misses": ["a report", "another"]},
    "out of scope": {"right": 2, "total": 2, "interval": [0.3, 1.0], "misses": []},
}


def test_the_table_holds_counts_shares_and_intervals() -> None:
    assert "| red flag: never none | 1/2 | 50.0% (10.0% to 90.0%) |" in publish.table(REPORT)


def test_a_miss_is_listed_once_under_the_first_figure_that_counts_it() -> None:
    listed = publish.misses(REPORT, ("red flag",))
    assert listed.count("- a report") == 1
    assert "**red flag: right level** (1 more)" in listed
    assert publish.misses(REPORT, ("out of scope",)) == ""


def test_only_the_marked_part_of_a_page_changes() -> None:
    page = "before\n<!-- x -->\nold\n<!-- end of x -->\nafter"
    assert publish.put(page, "x", "new") == "before\n<!-- x -->\nnew\n\n<!-- end of x -->\nafter"
    with pytest.raises(ValueError, match="no part is marked"):
        publish.put(page, "y", "new")
