"""Figures for Prometheus: what was asked and answered, how long it took, and what waits. No text, no conversation id.

Served on a port of its own, ``IL2_METRICS_PORT``, on the loopback address unless ``IL2_METRICS_HOST`` says otherwise.
Without a port the figures are counted and shown to nobody.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.escalations import Outbox

logger = logging.getLogger(__name__)

disable_created_metrics()  # type: ignore[no-untyped-call]

PORT, HOST = "IL2_METRICS_PORT", "IL2_METRICS_HOST"

MESSAGES = Counter("il2_messages", "Messages of patients.", ["channel"])
OUTCOMES = Counter(
    "il2_turns", "Turns by how they ended: answered, screened, safe_reply or empty.", ["channel", "outcome"]
)
ANSWERS = Counter("il2_answers", "Leaflet answers given.", ["topic"])
DECLINES = Counter("il2_declines", "Messages that were declined or handed over.", ["reason"])
ESCALATIONS = Counter("il2_escalations", "Escalations that a patient was told.", ["level"])
ERRORS = Counter("il2_errors", "Turns that raised an error.", ["channel"])
SECONDS = Histogram(
    "il2_turn_seconds",
    "Seconds from a message to its replies.",
    ["channel"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 9.0, 15.0),
)
RUNNING = Gauge("il2_turns_running", "Turns that are running now.")
READY = Gauge("il2_ready", "Whether a real message could be answered at the last look (1) or not (0).")

State = Callable[[], Mapping[str, str]]


class _Now(Collector):
    """What is looked up when Prometheus asks."""

    def __init__(self, channels: State, outbox: Callable[[], Outbox] = Outbox) -> None:
        self._channels, self._outbox, self._opened = channels, outbox, None

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names, without a look into the outbox."""
        return [
            GaugeMetricFamily("il2_channel_up", "Whether a messaging channel works.", labels=["channel"]),
            GaugeMetricFamily("il2_outbox", "Escalations in the outbox by state.", labels=["state"]),
            GaugeMetricFamily("il2_outbox_readable", "Whether the outbox could be read."),
        ]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures of this moment."""
        up, outbox, readable = self.describe()
        for name, state in self._channels().items():
            up.add_metric([name], float(state == "ready"))
        yield up
        try:
            counts = self._outbox().counts()
        except Exception as error:  # a database that is away must not hide the other figures
            logger.error("The outbox could not be counted: %s.", type(error).__name__)
            readable.add_metric([], 0.0)
        else:
            for state in ("pending", "delivered", "kept"):
                outbox.add_metric([state], counts.get(state, 0))
            readable.add_metric([], 1.0)
            yield outbox
        yield readable


def serve(channels: State) -> None:
    """Show the figures if a port is named; a port that cannot be used is logged and keeps nobody from an answer."""
    port = os.environ.get(PORT)
    if not port:
        return
    REGISTRY.register(_Now(channels))
    try:
        start_http_server(int(port), os.environ.get(HOST, "127.0.0.1"))
    except (OSError, ValueError) as error:
        logger.error("No metrics: %s=%s cannot be used (%s).", PORT, port, type(error).__name__)
