"""Whether each messaging channel works, for ``/health``."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """How a channel is."""

    OFF = "off"
    """Nothing of it is configured."""
    READY = "ready"
    """It is configured, and the last message that it sent has arrived."""
    DOWN = "down"
    """Something is missing, or its platform cannot be reached."""


_states: dict[str, State] = {}


def tell(channel: str, state: State) -> None:
    """Note how a channel is."""
    _states[channel] = state


def channels() -> dict[str, str]:
    """The state of each messaging channel that is not off, by its name."""
    return {name: state.value for name, state in sorted(_states.items()) if state is not State.OFF}
