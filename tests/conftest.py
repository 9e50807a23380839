"""Shared fixtures. The model is trained once for the whole run, and only when something changed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples on every run, so that a red run is red again; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("explore", max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).resolve().parent.parent
os.chdir(ROOT)
sys.path.insert(0, str(ROOT))
os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

from bot.runtime import without_tensorflow  # noqa: E402

without_tensorflow.install()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--live URL``: conversations are held with a running companion instead of the model in this process."""
    parser.addoption("--live", metavar="URL", help="run the conversation files against a running companion")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the trained model is marked ``model``."""
    for item in items:
        if {"agent", "model", "server", "chat"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.model)


@pytest.fixture(scope="session")
def model() -> Path:
    """The trained model."""
    folder = Path(os.environ.get("IL2_MODELS", "models"))
    subprocess.run([sys.executable, "-m", "bot.runtime.train", "--models", str(folder)], check=True)
    return folder / "il2.tar.gz"


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for the agent."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="session")
def agent(model: Path) -> Any:
    """The trained bot in this process."""
    from bot.runtime.agent import load

    return load(model)
