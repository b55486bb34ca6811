"""The guard policy: nothing ends in silence, staff keep what they hold, consent comes first."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Collection, Dict, List, Optional, Text

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from medassist.settings import load_settings

STAFF_NOT_ALERTED = "utter_staff_not_alerted"
CANNOT_LOOK_UP = "utter_cannot_look_up"
ALERT_STAFF = "action_alert_staff"
ASK_CONSENT = "action_ask_consent"
ALERTING_ACTIONS = {ALERT_STAFF, "action_ask_human"}

_WITHOUT_CONSENT = ("ask_bot", "ask_human")
"""Questions that are answered before the person has agreed to anything."""


def new_level(tracker: DialogueStateTracker) -> Optional[Text]:
    """Triage's level of the latest message, if this message itself has raised it."""
    triage = ((tracker.latest_message and tracker.latest_message.parse_data) or {}).get("triage")
    return triage["level"] if triage and not triage.get("carried") else None


def needs_consent(tracker: DialogueStateTracker, channels: Collection[Text]) -> bool:
    """Whether the person has to agree first: to an ordinary answer, never to help in danger."""
    if tracker.get_slot("consent") or tracker.get_latest_input_channel() not in channels:
        return False
    intent = ((tracker.latest_message and tracker.latest_message.intent) or {}).get("name") or ""
    ordinary = intent.startswith("ask_") or intent in ("inform", "report_side_effect")
    return (
        ordinary
        and intent not in _WITHOUT_CONSENT
        and (tracker.get_slot("level") or "routine") == "routine"
    )


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class GuardPolicy(Policy):
    """Outranks the rules when staff hold the conversation or a custom action failed.

    While staff hold it, an emergency still gets its card, and anything urgent goes on the case
    without a word of ours. Every custom action of ours leaves at least one event; one that left
    none has failed (Rasa itself would go on as if it had worked).
    """

    @cached_property
    def _consent_channels(self) -> Collection[Text]:
        """Where a person is asked before anything is kept."""
        return load_settings().consent_channels

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

    def _choose(self, tracker: DialogueStateTracker, domain: Domain) -> Optional[Text]:
        intent = ((tracker.latest_message and tracker.latest_message.intent) or {}).get(
            "name"
        ) or ""
        last = tracker.events[-1]
        if (
            isinstance(last, ActionExecuted)
            and (last.action_name or "").startswith("action_")
            and last.action_name in domain.user_actions
        ):
            return STAFF_NOT_ALERTED if last.action_name in ALERTING_ACTIONS else CANNOT_LOOK_UP
        said = tracker.latest_action_name
        if said in (STAFF_NOT_ALERTED, CANNOT_LOOK_UP, ASK_CONSENT):
            return ACTION_LISTEN_NAME
        if tracker.get_slot("handover") and not intent.startswith("EXTERNAL_"):
            level = new_level(tracker)
            if level == "emergency":
                return None  # the card, as for everybody
            if level == "urgent" and said == ACTION_LISTEN_NAME:
                return ALERT_STAFF
            return ACTION_LISTEN_NAME
        if said == ACTION_LISTEN_NAME and needs_consent(tracker, self._consent_channels):
            return ASK_CONSENT
        return None
