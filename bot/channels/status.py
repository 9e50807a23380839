"""How the companion is, for ``/health``: each messaging channel, whether a turn has failed, whether it is stopping."""

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


_doubted = False
_stopping = False


def doubt() -> None:
    """A turn has failed: the next look must be a whole turn."""
    global _doubted
    _doubted = True


def doubted() -> bool:
    """Whether a turn has failed since the last call."""
    global _doubted
    was, _doubted = _doubted, False
    return was


def stop() -> None:
    """The server is stopping: no new patients, please."""
    global _stopping
    _stopping = True


def stopping() -> bool:
    """Whether the server is stopping."""
    return _stopping
