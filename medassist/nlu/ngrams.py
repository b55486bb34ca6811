"""The wording of a message: weighted counts of its words, word pairs and letter groups."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Text, Tuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
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


def _vectorizer(view: str) -> TfidfVectorizer:
    return TfidfVectorizer(
        **_VIEWS[view],
        lowercase=True,
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=3,
        dtype=np.float32,
    )


class _View(NamedTuple):
    """One learned view: a text's terms, the column of each known term, each column's weight.

    Of a single text it makes what the vectorizer makes through matrices of many, in a tenth of
    the time.
    """

    terms_of: Callable[[str], List[str]]
    columns: Dict[str, int]
    weights: NDArray[np.float32]

    def row(self, text: str) -> Tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The columns of the terms in a text, and their weights as a vector of length one."""
        counts: Dict[int, int] = {}
        for term in self.terms_of(text):
            column = self.columns.get(term)
            if column is not None:
                counts[column] = counts.get(column, 0) + 1
        found = np.fromiter(counts, dtype=np.int32, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        weights = (np.log(often) + 1) * self.weights[found]
        return found, weights / (np.linalg.norm(weights) or 1)


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
        views: Optional[List[_View]] = None,
    ) -> None:
        super().__init__(name, config)
        self._storage, self._resource = model_storage, resource
        self._views = views or []

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
        views = []
        with model_storage.read_from(resource) as folder:
            for name in _VIEWS:
                terms = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
                columns = {term: i for i, term in enumerate(terms)}
                weights = np.load(folder / f"{name}.npy", allow_pickle=False)
                views.append(_View(_vectorizer(name).build_analyzer(), columns, weights))
        return cls(config, execution_context.node_name, model_storage, resource, views)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the vocabulary of the examples."""
        texts = [_seen(m) for m in training_data.training_examples if m.get(TEXT)]
        with self._storage.write_to(self._resource) as folder:
            for name in _VIEWS:
                vectorizer = _vectorizer(name).fit(texts)
                columns, weights = vectorizer.vocabulary_, vectorizer.idf_.astype(np.float32)
                self._views.append(_View(vectorizer.build_analyzer(), columns, weights))
                terms = sorted(columns, key=columns.get)
                (folder / f"{name}.json").write_text(json.dumps(terms), encoding="utf-8")
                np.save(folder / f"{name}.npy", weights)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Featurize the wording of the messages and of their parts."""
        for message in with_parts(messages):
            row = self._row(_seen(message))
            message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
        return messages

    def _row(self, text: str) -> scipy.sparse.csr_matrix:
        """All views of one text, side by side."""
        columns, values, width = [], [], 0
        for view in self._views:
            found, weights = view.row(text)
            columns.append(found + width)
            values.append(weights)
            width += len(view.weights)
        indices = np.concatenate(columns)
        order = np.argsort(indices)
        data = np.concatenate(values).astype(np.float32)[order]
        bounds = np.array([0, len(indices)], dtype=np.int32)
        return scipy.sparse.csr_matrix((data, indices[order], bounds), shape=(1, width))

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Featurize the examples."""
        self.process([m for m in training_data.training_examples if m.get(TEXT)])
        return training_data


def _seen(message: Message) -> str:
    return message.get(MASKED_TEXT) or message.get(TEXT) or ""
