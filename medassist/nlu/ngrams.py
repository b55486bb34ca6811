"""The wording of a message: weighted counts of its words, word pairs and letter groups."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Text

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfVectorizer

from medassist.nlu.medicines import MASKED_TEXT
from medassist.nlu.parts import with_parts

_VIEWS: Dict[str, Dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 3), "token_pattern": r"(?u)\b\w[\w']*\b|\?"},
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


def _vectorizer(view: str, vocabulary: Optional[Dict[str, int]] = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        **_VIEWS[view],
        lowercase=True,
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=1 if vocabulary else 2,
        vocabulary=vocabulary,
        dtype=np.float32,
    )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class NgramFeaturizer(SparseFeaturizer, GraphComponent):
    """Adds tf-idf n-grams of the masked message as a sparse sentence feature."""

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
        vectorizers: Optional[Dict[str, TfidfVectorizer]] = None,
    ) -> None:
        super().__init__(name, config)
        self._storage, self._resource = model_storage, resource
        self._vectorizers = vectorizers or {}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "NgramFeaturizer":
        """Creates an untrained featurizer."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "NgramFeaturizer":
        """Reads the vocabulary (JSON) and its weights (NumPy); nothing is unpickled."""
        vectorizers = {}
        with model_storage.read_from(resource) as folder:
            for view in _VIEWS:
                terms = json.loads((folder / f"{view}.json").read_text(encoding="utf-8"))
                vectorizer = _vectorizer(view, {term: i for i, term in enumerate(terms)})
                vectorizer.idf_ = np.load(folder / f"{view}.npy", allow_pickle=False)
                vectorizers[view] = vectorizer
        return cls(config, execution_context.node_name, model_storage, resource, vectorizers)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the vocabulary of the examples."""
        texts = [_seen(m) for m in training_data.training_examples if m.get(TEXT)]
        with self._storage.write_to(self._resource) as folder:
            for view in _VIEWS:
                vectorizer = _vectorizer(view).fit(texts)
                self._vectorizers[view] = vectorizer
                terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
                (folder / f"{view}.json").write_text(json.dumps(terms), encoding="utf-8")
                np.save(folder / f"{view}.npy", vectorizer.idf_)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Featurize the wording of the messages, all at once: that is what makes training fast."""
        seen = with_parts(messages)
        texts = [_seen(message) for message in seen]
        views = [v.transform(texts) for v in self._vectorizers.values()]
        rows = scipy.sparse.hstack(views, format="csr")
        for number, message in enumerate(seen):
            features = rows[number]
            message.add_features(Features(features, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Featurize the examples."""
        self.process([m for m in training_data.training_examples if m.get(TEXT)])
        return training_data


def _seen(message: Message) -> str:
    return message.get(MASKED_TEXT) or message.get(TEXT) or ""
