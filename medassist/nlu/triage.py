"""The gate: triage reads every message, after the classifier, and may overrule it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from medassist.medicines.files import read_medicines
from medassist.nlu.all_cores import of_each
from medassist.nlu.details import INTENT_RANKING
from medassist.nlu.medicines import MENTIONS
from medassist.nlu.parts import CLAUSES, PASSAGES
from medassist.nlu.second_reader import SecondReader
from medassist.settings import load_settings
from medassist.triage.assess import Assessment, Level, Triage
from medassist.triage.findings import Opinion
from medassist.triage.opinion import (
    READER,
    affirmed,
    asked_after_cry,
    is_only_help,
    is_unsure,
    is_yes,
    settle,
)

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
"""Intents that have a card."""

_OWN_SUBJECT = ("ask_", "greet", "goodbye", "thank", "forget_me", "feedback")
"""Intents that are a subject of their own, also while an earlier danger still stands."""


_NOTHING_NEW = ("inform", "affirm", "deny", "nlu_fallback", "out_of_scope")
"""Intents that add nothing to something urgent that stands from an earlier message."""


def asked_if_safe(tracker: Optional[DialogueStateTracker]) -> bool:
    """Whether our last words were the safety question."""
    for event in reversed(tracker.events if tracker else []):
        if isinstance(event, UserUttered):
            return False
        if isinstance(event, ActionExecuted) and event.action_name == "utter_safety_question":
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


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class TriageGate(GraphComponent):
    """Sets the message's level, and its intent where there is danger.

    The rules of `data/safety` are read at the start; the second reader learns from the
    labelled examples.
    """

    def __init__(
        self,
        model_storage: ModelStorage,
        resource: Resource,
        second_reader: Optional[SecondReader] = None,
    ) -> None:
        data = load_settings().data
        self._medicines = read_medicines(data / "medicines")
        self._triage = Triage.load(data / "safety")
        self._storage, self._resource = model_storage, resource
        self._second_reader = second_reader

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "TriageGate":
        """Creates a gate whose second reader has learned nothing yet."""
        return cls(model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "TriageGate":
        """Reads what the second reader learned."""
        with model_storage.read_from(resource) as folder:
            return cls(model_storage, resource, SecondReader.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Let the second reader learn from the examples that have a level."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        reader = SecondReader.learn(examples, of_each(self._assess_alone, examples))
        with self._storage.write_to(self._resource) as folder:
            reader.save(folder)
        return self._resource

    def _assess_alone(self, message: Message) -> Assessment:
        """What the rules find in a training example, which has no conversation."""
        mentions = message.get(MENTIONS) or []
        filed = [m.generic for m in mentions if m.generic in self._medicines]
        medicine = self._medicines[filed[0]] if filed else None
        return self._triage.assess(message.get(TEXT), medicine=medicine, mentions=mentions)

    def process(
        self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None
    ) -> List[Message]:
        """Assess each message, with what was said before."""
        for message in messages:
            classified = message.get(INTENT) or {"name": None, "confidence": 0.0}
            assessment = self._assess(message, classified, tracker)
            ranking = message.get(INTENT_RANKING) or []
            question = tracker.get_slot("open_question") if tracker else None
            intent = intent_of(assessment, classified, ranking, question)
            confidence = 1.0 if intent != classified["name"] else classified["confidence"]
            message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
            stored = {**assessment.to_dict(), "classified": classified}
            message.set(TRIAGE, stored, add_to_output=True)
            entities = message.get(ENTITIES, []) + as_entities(assessment)
            message.set(ENTITIES, entities, add_to_output=True)
        return messages

    def _assess(
        self,
        message: Message,
        classified: Dict[Text, Any],
        tracker: Optional[DialogueStateTracker],
    ) -> Assessment:
        """What the rules and the second reader make of the message in its conversation."""
        own = [e["value"] for e in message.get(ENTITIES, []) if e.get("role") == "patient"]
        about = own[0] if own else tracker.get_slot("medicine") if tracker else None
        earlier = earlier_assessments(tracker)
        text = message.get(TEXT) or ""
        asked = asked_if_safe(tracker) or (bool(earlier) and earlier[-1].doubt)
        yes = classified["name"] == "affirm" or is_yes(text) or is_unsure(text)
        assessment = self._triage.assess(
            text,
            medicine=self._medicines.get(about) if about else None,
            mentions=message.get(MENTIONS) or [],
            earlier=earlier,
            at=time.time(),
            nobody_in_danger=asked and classified["name"] == "deny" and not yes,
        )
        if asked and yes:
            return affirmed(assessment)
        if is_only_help(text):
            return asked_after_cry(assessment)
        if self._second_reader is None:
            return assessment
        return settle(assessment, self._opinion(self._second_reader, message, assessment))

    def _opinion(self, reader: SecondReader, message: Message, assessment: Assessment) -> Opinion:
        """The second reader's opinion on the message, and on each passage of a long one."""
        opinion = reader.read(message, assessment)
        alone = [reader.read(p, self._assess_alone(p)) for p in message.get(PASSAGES) or []]
        return replace(
            opinion,
            passage=max((p.emergency for p in alone), default=0.0),
            ordinary=min(_ordinary(m) for m in (message, *(message.get(CLAUSES) or []))),
        )


def _ordinary(message: Message) -> float:
    """The topic classifier's chance that a message, or a clause of it, reports nothing."""
    told = (r for r in message.get(INTENT_RANKING) or [] if r["name"] != "nlu_fallback")
    return float(sum(r["confidence"] for r in told if not r["name"].startswith("report_")))


def as_entities(assessment: Assessment) -> List[Dict[Text, Any]]:
    """What fills slots: the level, whom the danger concerns, and the amounts that were told."""

    def entity(kind: Text, value: Text, start: int = 0, end: int = 0) -> Dict[Text, Any]:
        place = {"start": start, "end": end, "extractor": "TriageGate"}
        return {"entity": kind, "value": value, **place}

    told = [entity("level", assessment.level.value)]
    if assessment.facts.who != "self":
        told.append(entity("person", assessment.facts.who))
    told += [entity("amount", a.text, a.start, a.end) for a in assessment.amounts]
    return told


def intent_of(
    assessment: Assessment,
    classified: Dict[Text, Any],
    ranking: List[Dict[Text, Any]],
    open_question: Optional[Text] = None,
) -> Optional[Text]:
    """The intent that carries the level: what the rules of the dialogue route by.

    `open_question` is the slot: what our last message asked, if it asked something.
    """
    intent: Optional[Text] = classified["name"]
    if assessment.doubt:
        # At the level `urgent` the rule of report_emergency asks the safety question. Words that
        # may be suicidal get their own card, which asks nothing that would not fit.
        suicidal = "report_self_harm" in (intent, INTENT_OF_KIND.get(assessment.kind or ""))
        return "report_self_harm" if suicidal else "report_emergency"
    deletes = open_question == "forget" and intent in ("affirm", "deny")
    own = deletes or (intent or "").startswith(_OWN_SUBJECT)
    if assessment.rule_id == READER and assessment.level is Level.URGENT and own:
        return intent  # answered as what it is; a question with a word on whom to call today
    if assessment.carried and assessment.level is Level.URGENT and intent in _NOTHING_NEW:
        return intent  # a no to the safety question, a name that was asked for: said once is enough
    if assessment.carried and own:
        # The level stands until the person lowers it, but a question of its own is
        # answered as what it is; the answer says again whom to call.
        return intent
    if assessment.level is Level.ROUTINE:
        if intent not in ALARMING:
            return intent
        # It is about danger, but nothing happens now: then it is a question.
        asked = (r["name"] for r in ranking if r["name"] not in (*ALARMING, "nlu_fallback"))
        return next(asked, "nlu_fallback")
    if assessment.kind == "side_effect" and assessment.level is Level.EMERGENCY:
        return "report_emergency"
    if assessment.kind:
        return INTENT_OF_KIND[assessment.kind]
    # The second reader raised it: the likeliest report says which card fits.
    reports = [r["name"] for r in ranking if (r["name"] or "").startswith("report_")]
    if assessment.level is Level.EMERGENCY:
        return next((r for r in reports if r in ALARMING), "report_emergency")
    fitting = (r for r in reports if r not in ("report_emergency", "report_self_harm"))
    return next(fitting, "report_side_effect")
