"""The meaning of a message as a Rasa feature, beside its wording."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any, Dict, List, NamedTuple, Optional, Text

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from medassist.metrics import STEP_SECONDS
from medassist.nlu.medicines import MASKED_TEXT
from medassist.nlu.minilm import DIMENSIONS, Array, MiniLM, build_encoder, packaged_weights
from medassist.nlu.parts import with_parts

MEANING_VIEWS = "meaning_views"
"""All that the encoder sees in a message, for the second reader; the first part is the feature."""
_BEGUN = "meaning_begun"
_SECONDS = STEP_SECONDS.labels("encode")


class _Begun(NamedTuple):
    """The vectors that are being computed for a message and its parts, and which row is its own."""

    encoded: "Future[Array]"
    row: int


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Begins to compute the meaning of a message in threads of its own.

    `SentenceMeaning` adds what comes of it; the components between them work meanwhile. Its
    "training" builds the network into the model, so that a trained model needs neither the
    package with the weights nor the time to prepare them.
    """

    @classmethod
    def required_components(cls) -> List[type]:
        """Rasa wants the words first."""
        return [Tokenizer]

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        """There is nothing to set."""

    def __init__(
        self,
        config: Dict[Text, Any],
        name: Text,
        model_storage: ModelStorage,
        resource: Resource,
        encoder: Optional[MiniLM] = None,
    ) -> None:
        super().__init__(name, config)
        self._storage, self._resource, self._encoder = model_storage, resource, encoder

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SentenceEncoder":
        """Creates a featurizer without its network."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "SentenceEncoder":
        """Reads the network that training built."""
        with model_storage.read_from(resource) as folder:
            encoder = MiniLM(folder)
        return cls(config, execution_context.node_name, model_storage, resource, encoder)

    def train(self, training_data: TrainingData) -> Resource:
        """Build the network from the packaged weights, which must be the official ones."""
        with self._storage.write_to(self._resource) as folder:
            build_encoder(packaged_weights(), folder)
            self._encoder = MiniLM(folder)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Begin to encode each message and its parts, their medicines' names masked."""
        if self._encoder is None:
            return messages
        seen = with_parts(messages)
        # A part may be the whole message, or another part.
        rows = {text: row for row, text in enumerate(dict.fromkeys(map(_seen, seen)))}
        begun = time.perf_counter()
        encoded = self._encoder.begin(list(rows))
        encoded.add_done_callback(lambda _: _SECONDS.observe(time.perf_counter() - begun))
        for message in seen:
            message.set(_BEGUN, _Begun(encoded, rows[_seen(message)]))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encode the examples."""
        examples = [m for m in training_data.training_examples if m.get(TEXT)]
        if self._encoder is not None:
            encoded: Future[Array] = Future()
            encoded.set_result(self._encoder.encode([_seen(message) for message in examples]))
            for row, message in enumerate(examples):
                message.set(_BEGUN, _Begun(encoded, row))
        return training_data


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceMeaning(DenseFeaturizer, GraphComponent):
    """Adds what the encoder makes of a message as a dense sentence feature, once it is there."""

    @classmethod
    def required_components(cls) -> List[type]:
        """The encoder begins."""
        return [SentenceEncoder]

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        """There is nothing to set."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SentenceMeaning":
        """Creates the component; it learns nothing."""
        return cls(execution_context.node_name, config)

    def awaited(self, messages: List[Message]) -> List["Future[Array]"]:
        """What has to be there before `process` need not wait."""
        return [message.get(_BEGUN).encoded for message in messages if message.get(_BEGUN)]

    def process(self, messages: List[Message]) -> List[Message]:
        """Add the vectors of each message and of its parts."""
        for message in with_parts(messages):
            begun: Optional[_Begun] = message.get(_BEGUN)
            if begun is None:
                continue
            views = begun.encoded.result()[begun.row]
            sentence = views[np.newaxis, :DIMENSIONS]
            message.add_features(Features(sentence, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
            message.set(MEANING_VIEWS, views)
            message.set(_BEGUN, None)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors of the examples."""
        self.process([m for m in training_data.training_examples if m.get(TEXT)])
        return training_data


def _seen(message: Message) -> Text:
    return message.get(MASKED_TEXT) or message.get(TEXT) or ""
