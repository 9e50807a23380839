"""``python -m bot.runtime.rasa ...``: the ``rasa`` command, started so that it runs without TensorFlow."""

from __future__ import annotations

import os
import sys

from bot.runtime import without_tensorflow


def arguments(given: list[str]) -> list[str]:
    """The arguments for Rasa: story tests read their sentences (``--e2e``).

    Without it ``rasa test core`` parses no sentence, takes the intents of the file for granted and cannot tell one
    leaflet answer from another.
    """
    if given[:2] == ["test", "core"] and not {"--e2e", "--end-to-end"} & set(given):
        return [*given, "--e2e"]
    return given


def main() -> None:
    """Run Rasa's command line with telemetry off."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    # Rasa 3.6 warns about SQLAlchemy 2.0 on every start; the pinned 1.4 is the one it supports.
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    sys.argv[1:] = arguments(sys.argv[1:])
    without_tensorflow.install(serving=sys.argv[1:2] == ["run"])
    from rasa.__main__ import main as rasa_main

    rasa_main()


if __name__ == "__main__":
    main()
