"""The base class of the actions.

An exception in an action makes rasa-sdk put the whole tracker, patient text included, into a 500 reply, and Rasa writes
that reply to its ERROR log; Rasa then drops the action's events (https://github.com/RasaHQ/rasa/issues/7630).
"""

from __future__ import annotations

import abc
import logging
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

logger = logging.getLogger(__name__)

Events = list[dict[str, Any]]


class SafeAction(Action, abc.ABC):
    """An action whose ``run`` never raises; subclasses write :meth:`act` and :attr:`action_name`.

    It is abstract, so rasa-sdk does not register it as an action of its own.
    """

    action_name = ""

    def name(self) -> str:
        """The name in the domain."""
        return self.action_name

    @abc.abstractmethod
    def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Do the work and return events; may raise."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Do the work; a failure is logged by its type alone, for its text may hold the patient's words."""
        try:
            return self.act(dispatcher, tracker, domain)
        except Exception as error:
            logger.error("%s failed: %s.", self.action_name, type(error).__name__)
            return []
