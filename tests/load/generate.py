"""``python -m tests.load.generate URL USERS SECONDS OUT.json``: conversations over REST, with locust, in this process.

Each user holds one conversation after the other without pauses, so that as many messages are on their way as there are
users. An empty reply is a failure, whatever its status.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, constant, task
from locust.env import Environment

from tests.load.talk import conversation


class Patient(FastHttpUser):
    """Somebody who writes as fast as replies come."""

    wait_time = constant(0)
    connection_timeout = network_timeout = 60.0

    @task
    def talk(self) -> None:
        """One conversation."""
        sender = f"load-{uuid.uuid4().hex}"
        for kind, line in conversation(random):  # type: ignore[arg-type]
            body = {"sender": sender, "message": line}
            with self.client.post("/webhooks/rest/webhook", json=body, name=kind, catch_response=True) as reply:
                if reply.status_code == 200 and not any(part.get("text") for part in reply.json()):
                    reply.failure("empty reply")


def run(url: str, users: int, seconds: float) -> dict[str, Any]:
    """The figures of one load."""
    environment = Environment(user_classes=[Patient], host=url)
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    # What comes while users are still coming in does not count.
    gevent.sleep(min(3.0, seconds / 3))
    environment.stats.reset_all()
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    gevent.sleep(seconds)
    took, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    total = environment.stats.total
    found = {
        "users": users,
        "messages": total.num_requests,
        "failures": total.num_failures,
        "per_second": round(total.num_requests / took, 1),
        **{f"p{share * 100:g}": total.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99)},
        "generator_share": round((now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / took, 2),
    }
    runner.quit()
    return found


if __name__ == "__main__":
    Path(sys.argv[4]).write_text(json.dumps(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))), encoding="utf-8")
