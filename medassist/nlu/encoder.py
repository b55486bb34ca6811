"""The meaning of a message as a Rasa feature, beside its wording."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Text

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

from medassist.nlu.medicines import MASKED_TEXT
from medassist.nlu.minilm import DIMENSIONS, MiniLM, build_encoder, packaged_weights
from medassist.nlu.parts import with_parts

MEANING_VIEWS = "meaning_views"
"""All that the encoder sees in a message, for the second reader; the first part is the feature."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Adds the meaning of the whole message as a dense sentence feature.

    Its "training" builds the network into the model, so that a trained model needs neither
    the package with the weights nor the time to prepare them.
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
        """Encode each message, its medicines' names masked."""
        if self._encoder is None:
            return messages
        seen = with_parts(messages)
        texts = [message.get(MASKED_TEXT) or message.get(TEXT) or "" for message in seen]
        for message, views in zip(seen, self._encoder.encode(texts)):
            sentence = views[np.newaxis, :DIMENSIONS]
            message.add_features(Features(sentence, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
            message.set(MEANING_VIEWS, views)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encode the examples."""
        self.process([m for m in training_data.training_examples if m.get(TEXT)])
        return training_data
