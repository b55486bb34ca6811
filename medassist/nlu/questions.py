"""More than one question in a message: the most dangerous is answered first, then the others."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from medassist.nlu.parts import CLAUSES, asks

ALSO_ASKED = "also_asked"
"""The intents to answer after the first one; the actions read it from the parsed message."""

MOST = 3
"""Answers to one message."""
_SURE, _SURE_OF_SYMPTOM = 0.8, 0.2
"""Confidence from which a clause counts as a question of its own, or as a symptom to answer."""
_GRAVEST = (
    "report_side_effect",
    "ask_overdose",
    "ask_stopping",
    "ask_missed_dose",
    "ask_interactions",
    "ask_alcohol",
)
"""What is answered before other questions, the gravest first."""
_TOLD = ("report_side_effect", "ask_missed_dose")
"""What is answered though a clause only tells it ("i missed my dose, can i take two?")."""
_NOT_A_TOPIC = ("ask_bot", "ask_human")
_GIVES_WAY = ("nlu_fallback", "greet", "thank", "inform")
"""Intents of a whole message that give way to a question that one of its clauses asks."""

Intent = Dict[Text, Any]


def is_report(intent: Intent) -> bool:
    """Whether an intent tells of a symptom."""
    return intent.get("name") == "report_side_effect"


def is_topic(intent: Intent) -> bool:
    """Whether an intent has a vetted answer of its own."""
    name = intent.get("name") or ""
    return is_report(intent) or (name.startswith("ask_") and name not in _NOT_A_TOPIC)


def of_clause(clause: Message) -> Intent:
    """The likeliest intent of a clause.

    Alone, a symptom ("feel dizzy") may look like none of our business; in a message that asks
    about a medicine it is, so the next likeliest intent is taken if that is a symptom.
    """
    ranking: List[Intent] = clause.get(INTENT_RANKING_KEY) or [{}]
    next_to_off_topic = ranking[0].get("name") == "out_of_scope" and len(ranking) > 1
    if next_to_off_topic and is_report(ranking[1]):
        return ranking[1]
    return clause.get(INTENT) or {}


def in_order(whole: Intent, of_clauses: Sequence[Intent]) -> List[Intent]:
    """What a message asks, to be answered in this order; at most `MOST`.

    `whole` is the intent of the whole message, `of_clauses` those of its clauses in order. The
    whole message's own intent stands unless two clauses are both sure of others.
    """
    if not is_topic(whole) and whole.get("name") not in _GIVES_WAY:
        return [whole]
    sure_of = {False: _SURE, True: _SURE_OF_SYMPTOM}
    asked: Dict[Text, Intent] = {}
    for intent in of_clauses:
        if is_topic(intent) and intent["confidence"] >= sure_of[is_report(intent)]:
            asked.setdefault(intent["name"], intent)
    if not asked:
        return [whole]
    if is_topic(whole) and (len(asked) == 1 or whole["confidence"] >= _SURE):
        asked = {whole["name"]: whole, **{n: i for n, i in asked.items() if n != whole["name"]}}

    def weight(intent: Intent) -> int:
        name = intent["name"]
        return _GRAVEST.index(name) if name in _GRAVEST else len(_GRAVEST)

    return sorted(asked.values(), key=weight)[:MOST]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SeveralQuestions(GraphComponent):
    """Looks at the intents of a message's clauses beside that of the whole."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SeveralQuestions":
        """Creates the component; it learns nothing."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the intent to answer first, and those to answer after it."""
        for message in messages:
            whole: Optional[Intent] = message.get(INTENT)
            clauses = [
                intent
                for clause in message.get(CLAUSES) or []
                for intent in [of_clause(clause)]
                if asks(clause.get(TEXT)) or intent.get("name") in _TOLD
            ]
            asked = in_order(whole or {}, clauses) if clauses else [whole or {}]
            if asked[0] is not whole and clauses:
                message.set(INTENT, asked[0], add_to_output=True)
            message.set(ALSO_ASKED, [intent["name"] for intent in asked[1:]], add_to_output=True)
        return messages
