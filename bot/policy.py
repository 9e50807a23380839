"""The rule policy, made to follow Rasa's own story tests past a leaflet answer.

In a conversation the answer's step is called ``utter_faq``, as in the rules. A story test names the very answer
(``utter_faq/schedule_cycle``), and ``rasa test core`` then writes this full name into the conversation that it shows to
the policies. Rasa's rule policy knows no rule that goes on after such a name, so every step behind an answer would
fail, among them the recording of an escalation. This policy reads the full name as the short one.
"""

from __future__ import annotations

import copy
from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import RESPONSE_IDENTIFIER_DELIMITER


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class CompanionRulePolicy(RulePolicy):
    """Rasa's rule policy; a step that names the very answer counts as the step that gives answers."""

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """The next step by the rules."""
        return super().predict_action_probabilities(by_kind(tracker, domain), domain, rule_only_data, **kwargs)


def by_kind(tracker: DialogueStateTracker, domain: Domain) -> DialogueStateTracker:
    """The tracker with ``utter_faq`` for each ``utter_faq/...``; the same object where there is none."""
    events = [_short(event) for event in tracker.events]
    if all(short is event for short, event in zip(events, tracker.events, strict=True)):
        return tracker
    return DialogueStateTracker.from_events(tracker.sender_id, events, domain.slots)


def _short(event: Event) -> Event:
    if not isinstance(event, ActionExecuted) or RESPONSE_IDENTIFIER_DELIMITER not in (event.action_name or ""):
        return event
    short = copy.copy(event)
    short.action_name = event.action_name.partition(RESPONSE_IDENTIFIER_DELIMITER)[0]
    return short
