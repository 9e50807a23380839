"""The trained bot inside this process, without servers: for the terminal chat, the tests and the evaluation."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from bot.runtime import without_tensorflow

without_tensorflow.install()

from rasa.core.agent import Agent  # noqa: E402
from rasa.shared.core.domain import Domain  # noqa: E402
from rasa.utils.endpoints import EndpointConfig  # noqa: E402
from rasa.utils.log_utils import configure_structlog  # noqa: E402

from bot.channels.core import Core  # noqa: E402
from bot.nlg import CompanionNLG  # noqa: E402

# Rasa's debug log holds the patient's words.
configure_structlog(logging.ERROR)
logging.getLogger("rasa").setLevel(logging.ERROR)
# The action server may be absent here.
for name in ("rasa.core.processor", "rasa.core.actions.action"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


def load(model: Path, action_url: str = "http://127.0.0.1:9/webhook") -> Agent:
    """The agent of a trained model, with conversations in memory; actions go to ``action_url`` (default: nowhere)."""
    os.environ.setdefault("ACTION_ENDPOINT_URL", action_url)
    os.environ.setdefault("ACTION_TOKEN", "none")
    agent = Agent.load(model, action_endpoint=EndpointConfig(action_url))
    agent.nlg = CompanionNLG(None, agent.domain or Domain.empty())
    if agent.processor:
        agent.processor.nlg = agent.nlg
    return agent


class Chat:
    """Talk to an agent as over REST, with the same checks and the same shape of replies."""

    def __init__(self, agent: Agent, sender: str = "chat") -> None:
        """Begin a conversation."""
        self.agent, self.sender = agent, sender
        self.core = Core(agent.handle_message, "rest")
        self.core.agent = agent

    async def say(self, text: str) -> list[dict[str, Any]]:
        """The replies to a message."""
        from bot.channels.checks import plain

        return await self.core.turn(self.sender, plain(text))

    async def parse(self, text: str) -> dict[str, Any]:
        """What the pipeline makes of a text in this conversation."""
        from rasa.core.channels.channel import UserMessage

        assert self.agent.processor is not None
        tracker = await self.agent.processor.get_tracker(self.sender)
        return dict(await self.agent.processor.parse_message(UserMessage(text), tracker))


__all__ = ["Chat", "load"]
