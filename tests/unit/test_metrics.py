"""The figures, and that dashboard and alert rules name only those that exist."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from bot import metrics

SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")


def _existing() -> set[str]:
    families = [*REGISTRY.collect(), *metrics._Now(dict).describe()]
    return {family.name + suffix for family in families for suffix in SUFFIXES}


def _named(text: str) -> set[str]:
    return set(re.findall(r"\bil2_[a-z_]+", text))


def _panels() -> list[dict[str, Any]]:
    return list(json.loads(Path("deploy/grafana/dashboard.json").read_text(encoding="utf-8"))["panels"])


def test_every_figure_of_the_dashboard_and_the_alerts_exists() -> None:
    shown = _named(" ".join(target["expr"] for panel in _panels() for target in panel["targets"]))
    groups = yaml.safe_load(Path("deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    warned = _named(" ".join(rule["expr"] for group in groups for rule in group["rules"]))
    assert len(shown) >= 10
    assert len(warned) >= 5
    assert shown | warned <= _existing()


def test_every_figure_is_on_the_dashboard() -> None:
    shown = _named(json.dumps(_panels()))
    ours = {f.name for f in [*REGISTRY.collect(), *metrics._Now(dict).describe()] if f.name.startswith("il2_")}
    assert {name for name in ours if not {name + suffix for suffix in SUFFIXES} & shown} == set()


class _Box:
    def __init__(self, counts: dict[str, int] | None) -> None:
        self._counts = counts

    def counts(self) -> dict[str, int]:
        if self._counts is None:
            raise OSError("the database is away")
        return self._counts


@pytest.mark.parametrize(("counts", "readable"), [({"pending": 2}, "1.0"), (None, "0.0")])
def test_the_outbox_is_counted_and_its_outage_is_told(counts: dict[str, int] | None, readable: str) -> None:
    registry = CollectorRegistry()
    registry.register(metrics._Now(lambda: {"telegram": "down", "slack": "ready"}, lambda: _Box(counts)))
    told = generate_latest(registry).decode()
    assert f"il2_outbox_readable {readable}" in told
    assert ('il2_outbox{state="pending"} 2.0' in told) == (counts is not None)
    assert 'il2_channel_up{channel="telegram"} 0.0' in told
    assert 'il2_channel_up{channel="slack"} 1.0' in told


def test_figures_are_served_only_where_a_port_is_named_and_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, ...]] = []
    monkeypatch.setattr(metrics, "REGISTRY", CollectorRegistry())
    monkeypatch.setattr(metrics, "start_http_server", lambda *args: served.append(args))
    monkeypatch.delenv(metrics.PORT, raising=False)
    metrics.serve(dict)
    assert served == []
    monkeypatch.setenv(metrics.PORT, "9100")
    metrics.serve(dict)
    assert served == [(9100, "127.0.0.1")]


def test_a_port_that_is_taken_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REGISTRY", CollectorRegistry())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv(metrics.PORT, str(taken.getsockname()[1]))
        metrics.serve(dict)


def test_a_port_that_is_no_number_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REGISTRY", CollectorRegistry())
    monkeypatch.setenv(metrics.PORT, "no number")
    metrics.serve(dict)
