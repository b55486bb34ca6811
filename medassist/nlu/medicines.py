"""Finds the medicines of a message and gives the classifier a view without their names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, List, Optional, Text

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from medassist.medicines.files import read_medicines
from medassist.medicines.names import MedicineNames, Mention
from medassist.nlu.all_cores import of_each
from medassist.nlu.parts import with_parts
from medassist.settings import load_settings

MASKED_TEXT = "masked_text"
"""The message with each medicine's name replaced by one word: what was asked, not about what."""

APOSTROPHES = str.maketrans("‘’‛ʼ´′＇`", "'" * 8)

MENTIONS = "mentions"
UNKNOWN_WORDS = "unknown_words"
"""Words that may be the name of a medicine nobody here knows."""


def load_names() -> MedicineNames:
    """The names this installation knows; those of the medicine files win over all others."""
    data = load_settings().data
    known = {
        name.lower(): medicine.medicine
        for medicine in read_medicines(data / "medicines").values()
        for name in medicine.all_names()
    }
    return MedicineNames.load(data / "names", extra=known)


def as_entity(mention: Mention) -> Dict[Text, Any]:
    """A mention in the form that Rasa stores and sends to the action server."""
    return {
        "entity": mention.kind,
        "value": mention.generic or mention.name,
        "name": mention.name,
        "generic": mention.generic,
        "exact": mention.exact,
        "start": mention.start,
        "end": mention.end,
        "extractor": "MedicineRecognizer",
    }


# Rasa shows training examples to tokenizers and featurizers only: registered as an entity
# extractor, it would mask messages but not the examples.
@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class MedicineRecognizer(GraphComponent):
    """Adds an entity for each medicine, class of medicines or substance that is named."""

    def __init__(self) -> None:
        self._names = load_names()

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "MedicineRecognizer":
        """Creates the component; it learns nothing from the examples."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Find the names in each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            mentions = self._mask(message, text)
            message.set(UNKNOWN_WORDS, self._names.unknown(text))
            entities = message.get(ENTITIES, []) + [as_entity(m) for m in mentions]
            message.set(ENTITIES, entities, add_to_output=True)
        for part in with_parts(messages)[len(messages) :]:
            self._mask(part, part.get(TEXT))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Mask the examples too: features must see at training what they see in use."""
        messages = [m for m in training_data.training_examples if m.get(TEXT)]
        found = of_each(self._names.find, [m.get(TEXT) for m in messages])
        for message, mentions in zip(messages, found):
            self._mask(message, message.get(TEXT), mentions)
        return training_data

    def _mask(
        self, message: Message, text: Text, found: Optional[List[Mention]] = None
    ) -> List[Mention]:
        """Give the message its mentions and the view that classifiers read."""
        mentions = self._names.find(text) if found is None else found
        masked = self._names.mask(text, mentions).translate(APOSTROPHES)
        message.set(MASKED_TEXT, masked)
        message.set(MENTIONS, mentions)
        message.add_features(
            Features(_counts(mentions), FEATURE_TYPE_SENTENCE, TEXT, type(self).__name__)
        )
        return mentions


def _counts(mentions: List[Mention]) -> scipy.sparse.csr_matrix:
    """How many names there are, as a feature: two medicines are rarely asked about one by one."""
    medicines = {m.generic or m.name for m in mentions if m.kind == "medicine"}
    kinds = {m.kind for m in mentions}
    return _flags(
        len(medicines) == 0,
        len(medicines) == 1,
        len(medicines) >= 2,
        "class" in kinds,
        "substance" in kinds,
        "class" in kinds and bool(medicines),
    )


@lru_cache  # to make a matrix takes longer than to find the names
def _flags(*flags: bool) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix(np.array([flags], dtype=np.float32))
