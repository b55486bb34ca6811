"""The meaning of a message as a Rasa feature, beside its wording."""

from __future__ import annotations

from typing import Any, Dict, List, Text

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
from medassist.nlu.minilm import MiniLM, model_folder


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Adds the meaning of the whole message as a dense sentence feature."""

    @classmethod
    def required_components(cls) -> List[type]:
        """Rasa wants the words first."""
        return [Tokenizer]

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
    ) -> "SentenceEncoder":
        """Creates the component; its weights come from the package, not from training."""
        encoder = cls(execution_context.node_name, config)
        encoder._model = MiniLM(model_folder())
        return encoder

    _model: MiniLM

    def process(self, messages: List[Message]) -> List[Message]:
        """Encode each message, its medicines' names masked."""
        texts = [message.get(MASKED_TEXT) or message.get(TEXT) or "" for message in messages]
        for message, vector in zip(messages, self._model.encode(texts)):
            features = Features(
                vector[np.newaxis, :], FEATURE_TYPE_SENTENCE, TEXT, self._identifier
            )
            message.add_features(features)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encode the examples."""
        self.process([m for m in training_data.training_examples if m.get(TEXT)])
        return training_data
