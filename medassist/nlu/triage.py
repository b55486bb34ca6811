"""The gate: triage reads every message, after the classifier, and may overrule it."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from medassist.medicines.files import read_medicines
from medassist.nlu.medicines import MENTIONS
from medassist.settings import load_settings
from medassist.triage.assess import Assessment, Level, Triage

TRIAGE = "triage"
"""The key of the assessment in `/model/parse`, in the stored event and for the actions."""

INTENT_OF_KIND = {
    "emergency": "report_emergency",
    "overdose": "report_overdose",
    "self_harm": "report_self_harm",
    "withdrawal": "report_withdrawal",
    "side_effect": "report_side_effect",
}

ALARMING = {"report_emergency", "report_overdose", "report_self_harm", "report_withdrawal"}
"""Intents of the classifier that mean danger; if triage is silent they count as doubt."""

_OWN_SUBJECT = ("ask_", "greet", "goodbye", "thank", "forget_me", "feedback")
"""Intents that are a subject of their own, also while an earlier danger still stands."""

SAFETY_QUESTION = "utter_safety_question"


def asked_if_safe(tracker: Optional[DialogueStateTracker]) -> bool:
    """Whether our last words were the safety question."""
    if tracker is None:
        return False
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return False
        if isinstance(event, ActionExecuted) and event.action_name == SAFETY_QUESTION:
            return True
    return False


def earlier_assessments(tracker: Optional[DialogueStateTracker]) -> List[Assessment]:
    """What triage found in this conversation's earlier messages, oldest first."""
    if tracker is None:
        return []
    return [
        Assessment.from_dict(event.parse_data[TRIAGE])
        for event in tracker.events
        if isinstance(event, UserUttered) and event.parse_data and event.parse_data.get(TRIAGE)
    ]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class TriageGate(GraphComponent):
    """Sets the message's level, and its intent where there is danger."""

    def __init__(self) -> None:
        data = load_settings().data
        self._medicines = read_medicines(data / "medicines")
        self._triage = Triage.load(data / "safety")

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "TriageGate":
        """Creates the gate; it learns nothing from the examples."""
        return cls()

    def process(
        self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None
    ) -> List[Message]:
        """Assess each message, with what was said before."""
        for message in messages:
            entities = message.get(ENTITIES, [])
            own = [e["value"] for e in entities if e.get("role") == "patient"]
            about = own[0] if own else tracker.get_slot("medicine") if tracker else None
            assessment = self._triage.assess(
                message.get(TEXT) or "",
                medicine=self._medicines.get(about) if about else None,
                mentions=message.get(MENTIONS) or [],
                earlier=earlier_assessments(tracker),
                at=time.time(),
            )
            classified = message.get(INTENT) or {"name": None, "confidence": 0.0}
            level, intent, rule = self._decide(assessment, classified, asked_if_safe(tracker))
            confidence = 1.0 if intent != classified["name"] else classified["confidence"]
            message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
            found = {**assessment.to_dict(), "verdict": level.value, "verdict_rule": rule}
            message.set(TRIAGE, {**found, "classified": classified}, add_to_output=True)
            entities.append(
                {
                    "entity": "level",
                    "value": level.value,
                    "start": 0,
                    "end": 0,
                    "extractor": "TriageGate",
                }
            )
            message.set(ENTITIES, entities, add_to_output=True)
        return messages

    @staticmethod
    def _decide(
        assessment: Assessment, classified: Dict[Text, Any], asked: bool
    ) -> tuple[Level, Optional[Text], Text]:
        """The level, the intent that carries it, and the rule that decided."""
        intent = classified["name"]
        if asked and intent == "affirm" and assessment.level is not Level.EMERGENCY:
            return Level.EMERGENCY, "report_emergency", "answered yes to the safety question"
        if assessment.carried and (intent or "").startswith(_OWN_SUBJECT):
            # The level stands until the person lowers it, but a question of its own is
            # answered as what it is; the answer says again whom to call.
            return assessment.level, intent, assessment.rule
        if assessment.level is not Level.ROUTINE:
            kind = assessment.kind
            return assessment.level, INTENT_OF_KIND.get(kind or "", intent), assessment.rule
        if intent in ALARMING:
            return Level.URGENT, intent, "the classifier sees danger where the rules see none"
        return assessment.level, intent, assessment.rule
