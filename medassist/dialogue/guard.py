"""The guard policy: nothing ends in silence, and a conversation held by staff stays held."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Text

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

STAFF_NOT_ALERTED = "utter_staff_not_alerted"
CANNOT_LOOK_UP = "utter_cannot_look_up"
ALERTING_ACTIONS = {"action_alert_staff", "action_ask_human"}


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class GuardPolicy(Policy):
    """Outranks the rules when staff hold the conversation or a custom action failed.

    Every custom action of ours leaves at least one event; one that left none has failed
    (Rasa itself would go on as if it had worked).
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """RulePolicy's priority is 4; the guard must win."""
        return {"priority": 5}

    @staticmethod
    def supported_data() -> SupportedData:
        """It learns from neither stories nor rules."""
        return SupportedData.ML_AND_RULE_DATA

    def train(
        self,
        training_trackers: List[TrackerWithCachedStates],
        domain: Domain,
        **kwargs: Any,
    ) -> Resource:
        """There is nothing to learn."""
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: Optional[Dict[Text, Any]] = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Choose the next action, or leave the choice to the rules."""
        probabilities = self._default_predictions(domain)
        action = self._choose(tracker, domain)
        if action:
            probabilities[domain.index_for_action(action)] = 1.0
        return self._prediction(probabilities)

    @staticmethod
    def _choose(tracker: DialogueStateTracker, domain: Domain) -> Optional[Text]:
        intent = ((tracker.latest_message and tracker.latest_message.intent) or {}).get(
            "name"
        ) or ""
        last = tracker.events[-1]
        if tracker.get_slot("handover") and not intent.startswith("EXTERNAL_"):
            return ACTION_LISTEN_NAME
        if (
            isinstance(last, ActionExecuted)
            and (last.action_name or "").startswith("action_")
            and last.action_name in domain.user_actions
        ):
            return STAFF_NOT_ALERTED if last.action_name in ALERTING_ACTIONS else CANNOT_LOOK_UP
        if tracker.latest_action_name in (STAFF_NOT_ALERTED, CANNOT_LOOK_UP):
            return ACTION_LISTEN_NAME
        return None
