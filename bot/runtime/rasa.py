"""``python -m bot.runtime.rasa ...``: the ``rasa`` command, started so that it runs without TensorFlow."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import pluggy

from bot import logs
from bot.runtime import guards, without_tensorflow


def arguments(given: list[str]) -> list[str]:
    """The arguments for Rasa: story tests read their sentences (``--e2e``).

    Without it ``rasa test core`` parses no sentence, takes the intents of the file for granted and cannot tell one
    leaflet answer from another.
    """
    if given[:2] == ["test", "core"] and not {"--e2e", "--end-to-end"} & set(given):
        return [*given, "--e2e"]
    return given


class _Hooks:
    """Rasa's own hook behind its set-up of logging and before it opens anything."""

    @pluggy.HookimplMarker("rasa")  # type: ignore[misc]
    def init_anonymization_pipeline(self, endpoints_file: str | None) -> None:
        """Have logs written as lines of JSON."""
        logs.write()


def main() -> None:
    """Run Rasa's command line with telemetry off."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    # endpoints.yml names it; only the supervisor's server talks to an action server that asks for it.
    os.environ.setdefault("ACTION_TOKEN", "")
    os.environ["FORCE_JSON_LOGGING"] = "1"
    # Rasa 3.6 warns about SQLAlchemy 2.0 on every start; the pinned 1.4 is the one it supports.
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    sys.argv[1:] = arguments(sys.argv[1:])
    serving = sys.argv[1:2] == ["run"]
    if serving:
        try:
            guards.check(sys.argv[2:])
        except guards.Refused as error:
            sys.exit(f"Not started: {error}")
        logs.guard()
    without_tensorflow.install(serving)
    if serving:
        _load()
        from rasa.plugin import plugin_manager

        plugin_manager().register(_Hooks())
    from rasa.__main__ import main as rasa_main

    rasa_main()


def _load() -> None:
    """Import what the server is made of without looking for garbage in between; none of it ever is."""
    gc.disable()
    importlib.import_module("rasa.core.run")
    importlib.import_module("bot.channels.core")
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
