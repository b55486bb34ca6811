"""Whose medicine it is, what else is taken with it, and whose situation changes the answer."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from medassist.medicines.files import read_medicines
from medassist.medicines.situations import Situations
from medassist.nlu.medicines import UNKNOWN_WORDS, as_entity
from medassist.nlu.questions import ALSO_ASKED
from medassist.nlu.times import times
from medassist.settings import load_settings

INTENT_RANKING = "intent_ranking"
PATIENTS, OTHER = "patient", "other"
"""Roles of a medicine in a question: the one the person takes, and the other thing."""

_TAKES = re.compile(
    r"\b(?:on|taking|take[ns]?|takes|takin|prescribed|using|use|my|started|given|have been on|"
    r"with my|while on|been on)\s+(?:\w+\s+){0,1}$"
)
_LINKS = set(
    "ok okay and or so what how about on for with is it the same then also now but".split()
)
"""Words of a message that only carries the last question over to another medicine."""
_TOPICS_OF_SITUATION = {
    "pregnant": {"ask_pregnancy"},
    "breastfeeding": {"ask_pregnancy"},
    "kidney": {"ask_conditions"},
    "epilepsy": {"ask_conditions"},
    "older_adult": {"ask_age"},
    "child": {"ask_age"},
    "pump": {"ask_pump"},
}
_ASKED_IN_A_SITUATION = {
    "ask_dose",
    "ask_missed_dose",
    "ask_side_effects",
    "ask_stopping",
    "ask_alcohol",
    "ask_driving",
    "ask_overdose",
    "ask_onset_duration",
}
_NEARLY = 0.4
_SURE_WITHOUT_NAME = 0.8
"""Chosen on the off-topic sets: below it, questions that name no medicine are mostly not ours."""
_SURE_OF_SMALL_TALK = 0.6
"""The same for what is said to the bot about itself or the chat ("delete it", "bye")."""
_SMALL_TALK = {"ask_bot", "forget_me", "goodbye", "feedback"}
_TWO_MEDICINES = {"ask_interactions", "ask_alcohol", "ask_comparison"}


def assign_roles(
    text: str,
    medicines: List[Dict[Text, Any]],
    intent: Text,
    known: Optional[Text],
    with_file: set[str],
) -> None:
    """Mark each medicine entity as the patient's own or the other one, in place.

    The conversation's medicine stays the patient's when a question about two things names
    only the second ("can I have ibuprofen with it?"). Of several, the patient's is the one
    already known, else one that has a file, else the one after words such as "I'm on".
    """
    if not medicines:
        return
    names = [m["value"] for m in medicines]
    two = intent in _TWO_MEDICINES
    if known and known in names:
        own = known
    elif known and two and len(set(names)) == 1:
        own = names[0] if names[0] in with_file and known not in with_file else known
    elif len(set(names)) == 1:
        own = names[0]
    else:
        taken = [m["value"] for m in medicines if _TAKES.search(text[: m["start"]].lower())]
        filed = [name for name in names if name in with_file]
        own = (filed or taken[-1:] or names)[0]
    for medicine in medicines:
        medicine["role"] = PATIENTS if medicine["value"] == own else OTHER


def settled_topic(
    ranking: List[Dict[Text, Any]], situations: Collection[str]
) -> Optional[Dict[Text, Any]]:
    """The topic behind "I have kidney disease, how much do I take?": the dose, not the illness.

    Where the best candidate is only about a situation that the message tells, and another
    topic is nearly as likely, the other one is meant: its answer begins with what holds in
    that situation.
    """
    candidates = [r for r in ranking if r["name"] != "nlu_fallback"][:2]
    if len(candidates) < 2 or not situations:
        return None
    first, second = candidates
    about_situation = set().union(*(_TOPICS_OF_SITUATION[s] for s in situations))
    if second["confidence"] < first["confidence"] * _NEARLY:
        return None
    for asked, other in ((first, second), (second, first)):
        if asked["name"] in _ASKED_IN_A_SITUATION and other["name"] in about_situation:
            return asked
    return None


def are_one_medicine(medicines: List[Dict[Text, Any]]) -> bool:
    """Whether two names of one medicine are compared ("is Lioresal the same as baclofen")."""
    written = {m["name"].lower() for m in medicines}
    return len(written) > 1 and len({m["value"] for m in medicines}) == 1


def is_only_guessed(
    intent: Dict[Text, Any], entities: List[Dict[Text, Any]], known: Optional[Text]
) -> bool:
    """Whether a question about a medicine is only guessed: none was named, none talked of.

    Most off-topic messages that look like a medicine question are of this kind; a real one
    ("can i take it with food") is recognised with more confidence than this. What seems to be
    about the bot itself is guessed, too, below a confidence of its own.
    """
    if intent.get("name") in _SMALL_TALK:
        return bool(intent["confidence"] < _SURE_OF_SMALL_TALK)
    return (
        (intent.get("name") or "").startswith("ask_")
        and intent["name"] != "ask_human"
        and not known
        and not any(e["entity"] in ("medicine", "class", "substance") for e in entities)
        and intent["confidence"] < _SURE_WITHOUT_NAME
    )


def continued_topic(
    text: str, medicines: List[Dict[Text, Any]], tracker: Optional[DialogueStateTracker]
) -> Optional[Text]:
    """The intent of the last question when this message only names another medicine.

    "ok and on baclofen?" after "can I drive on it" is a question about driving.
    """
    if not medicines or tracker is None:
        return None
    rest = text
    for medicine in sorted(medicines, key=lambda m: m["start"], reverse=True):
        rest = rest[: medicine["start"]] + rest[medicine["end"] :]
    words = re.findall(r"[a-z']+", rest.lower())
    if not words or len(words) > 5 or not _LINKS.issuperset(words):
        return None
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            earlier = event.intent_name or ""
            return earlier if earlier.startswith("ask_") else None
    return None


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class DetailsExtractor(GraphComponent):
    """Gives medicines their roles and adds the situations known so far."""

    def __init__(self) -> None:
        data = load_settings().data
        self._situations = Situations.load(data / "situations.yml")
        self._with_file = set(read_medicines(data / "medicines"))

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "DetailsExtractor":
        """Creates the component; it learns nothing from the examples."""
        return cls()

    def process(
        self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None
    ) -> List[Message]:
        """Complete the entities of each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            entities = message.get(ENTITIES, [])
            intent = (message.get(INTENT) or {}).get("name") or ""
            known = tracker.get_slot("medicine") if tracker else None
            told = {found.situation.value: found for found in self._situations.find(text)}
            several = message.get(ALSO_ASKED)  # then each has its own ranking
            settled = None if several else settled_topic(message.get(INTENT_RANKING) or [], told)
            if settled:
                intent = settled["name"]
                message.set(INTENT, settled, add_to_output=True)
            medicines = [e for e in entities if e["entity"] == "medicine"]
            if intent == "ask_comparison" and are_one_medicine(medicines):
                intent = "ask_about"
                confidence = (message.get(INTENT) or {}).get("confidence", 0.0)
                message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
            if is_only_guessed(message.get(INTENT) or {}, entities, known):
                fallback = {"name": "nlu_fallback", "confidence": _SURE_WITHOUT_NAME}
                intent = "nlu_fallback"
                message.set(INTENT, fallback, add_to_output=True)
            if intent == "out_of_scope" and any(e["value"] in self._with_file for e in medicines):
                # In another language, say. Who names a medicine of ours is asked, not sent away.
                intent = "nlu_fallback"
                confidence = (message.get(INTENT) or {}).get("confidence", 0.0)
                message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
            continued = continued_topic(text, medicines, tracker)
            if continued:
                intent, known = continued, None
                message.set(INTENT, {"name": intent, "confidence": 1.0}, add_to_output=True)
            if known and not medicines and intent.startswith(("ask_", "report_", "nlu_")):
                # A name nobody knows must not be answered about the medicine talked of so far.
                medicines = [as_entity(m) for m in message.get(UNKNOWN_WORDS) or []]
                entities.extend(medicines)
            assign_roles(text, medicines, intent, known, self._with_file)
            earlier = (tracker.get_slot("situations") if tracker else None) or []
            # A list slot is replaced by each message's entities, so those known from
            # earlier messages are named again, with an empty span.
            for situation in [*earlier, *(s for s in told if s not in earlier)]:
                found = told.get(situation)
                entities.append(
                    {
                        "entity": "situation",
                        "value": situation,
                        "start": found.start if found else 0,
                        "end": found.end if found else 0,
                        "extractor": "DetailsExtractor",
                    }
                )
            entities.extend(
                {
                    "entity": "time",
                    "value": said.text,
                    "start": said.start,
                    "end": said.end,
                    "extractor": "DetailsExtractor",
                }
                for said in times(text)
            )
            message.set(ENTITIES, entities, add_to_output=True)
        return messages
