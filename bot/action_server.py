"""The action server as Rasa calls it, with a limit of our own.

Rasa waits 300 seconds for an action, which no setting changes (``rasa.core.constants.DEFAULT_REQUEST_TIMEOUT``), and
holds the conversation meanwhile: the patient's next message would get no answer. The escalation is recorded by the
channel as well (:mod:`bot.channels.core`), so an action that is given up loses nothing.
"""

from __future__ import annotations

from typing import Any

from rasa.utils.endpoints import EndpointConfig

LIMIT = 2.0
"""Seconds that an action may take."""


class ActionServer(EndpointConfig):
    """Rasa's endpoint; a call that takes too long fails as one to a server that is down."""

    async def request(self, method: str = "post", *arguments: Any, **more: Any) -> Any:
        """Call the action server.

        Raises:
            TimeoutError: when it takes longer than :data:`LIMIT`.
        """
        return await super().request(method, *arguments, **{**more, "timeout": LIMIT})


def limit(agent: Any) -> None:
    """Have the agent call its action server with the limit."""
    given = agent.action_endpoint
    if given is None or isinstance(given, ActionServer):
        return
    limited = ActionServer(
        given.url,
        given.params,
        given.headers,
        given.basic_auth,
        given.token,
        given.token_name,
        given.cafile,
        **given.kwargs,
    )
    agent.action_endpoint = limited  # of the processor that the next model gets
    if agent.processor is not None:
        agent.processor.action_endpoint = limited
