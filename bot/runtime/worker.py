"""``python -m bot.runtime.worker rasa|actions PORT``: one process of the companion, for a container.

It becomes the same command with the same environment as the supervisor's (:mod:`bot.runtime.serve`), open to the
container's network.
"""

from __future__ import annotations

import argparse
import os
import sys

from bot import clinic as clinics
from bot.runtime import serve, train


def main() -> None:
    """Become the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("rasa", "actions"))
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    if options.kind == "actions":
        os.environ["ACTION_PORT"] = str(options.port)
        os.environ.setdefault("ACTION_HOST", "0.0.0.0")
    given = os.environ.get("ACTION_ENDPOINT_URL")
    try:
        actions, rasa = serve.services("0.0.0.0", options.port, train.model_path())
    except (serve.ServeError, clinics.ClinicError) as error:
        sys.exit(f"Not started: {error}")
    service = rasa if options.kind == "rasa" else actions
    environment = {**os.environ, **service.environment}
    if given:
        environment["ACTION_ENDPOINT_URL"] = given
    os.execve(service.command[0], service.command, environment)


if __name__ == "__main__":
    main()
