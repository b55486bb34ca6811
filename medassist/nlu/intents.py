"""Which intent a message has: a linear classifier over wording and meaning, and the examples
nearest in meaning; calibrated."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Text

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from medassist.nlu.all_cores import at_once
from medassist.nlu.encoder import MEANING_VIEWS
from medassist.nlu.features import as_matrix, given_level, weigh
from medassist.nlu.minilm import DIMENSIONS, Array
from medassist.nlu.nearest import NearestExamples
from medassist.nlu.parts import CLAUSES

Scores = NDArray[np.float64]


class Temperatures(NamedTuple):
    """What scores are divided by, so that they become chances."""

    linear: float = 1.0
    """Of the linear classifier alone, which gives it and the votes one measure."""
    both: float = 1.0


class Fit(NamedTuple):
    """What is learned of examples."""

    coefficients: Array
    """Of each feature (row) for each intent (column)."""
    intercepts: Array
    intents: List[Text]
    nearest: NearestExamples
    temperatures: Temperatures = Temperatures()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(IntentClassifier, GraphComponent):
    """A linear support vector machine and the votes of the nearest examples, calibrated.

    The machine fits four times as fast as logistic regression on the same features and is as
    right when both were tried. The temperatures are fitted on examples held out of a first fit,
    so that "0.8" means right about eight times in ten on messages like the examples.
    """

    @classmethod
    def required_components(cls) -> List[type]:
        """Rasa wants features first."""
        return [Featurizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`C`: inverse regularisation; `meaning_weight`: scale of the sentence vector.

        `votes_weight`: weight of the nearest examples' votes beside the linear classifier's
        log-chances. Held-out examples, each of which has others by the same writer, ask for 0.4,
        the evaluation sets for 1.

        `held_out`: share of the examples on which the confidence is calibrated.
        """
        return {
            "C": 0.3,
            "meaning_weight": 1.0,
            "votes_weight": 0.75,
            "max_iter": 500,
            "held_out": 0.2,
            "ranking_length": 10,
        }

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        fit: Optional[Fit] = None,
    ) -> None:
        self._config = config
        self._storage, self._resource = model_storage, resource
        self._learned = fit

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "TopicClassifier":
        """Creates an untrained classifier."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "TopicClassifier":
        """Reads labels (JSON) and numbers (NumPy); nothing is unpickled."""
        with model_storage.read_from(resource) as folder:
            meta = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
            nearest = NearestExamples.load(folder)
            with np.load(folder / "linear.npz", allow_pickle=False) as arrays:
                fit = Fit(
                    arrays["coefficients"],
                    arrays["intercepts"],
                    meta["intents"],
                    nearest,
                    Temperatures(**meta["temperatures"]),
                )
        return cls(config, model_storage, resource, fit)

    def _fit(self, x: scipy.sparse.csr_matrix, meanings: Array, y: NDArray[Any]) -> Fit:
        """Fit each intent against all others, and keep the examples."""
        c, rounds = self._config["C"], self._config["max_iter"]
        model = LinearSVC(C=c, max_iter=rounds, random_state=0).fit(x, y)
        intents = list(model.classes_)
        nearest = NearestExamples.learn(meanings, np.searchsorted(intents, y))
        coefficients = np.ascontiguousarray(model.coef_.T, dtype=np.float32)
        return Fit(coefficients, model.intercept_.astype(np.float32), intents, nearest)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the examples; the temperatures on a part held out of a fit before.

        Examples that have a level teach the second reader, not the topic: they were written
        to be or to look dangerous, not to show how people ask about things.
        """
        examples = [m for m in training_data.intent_examples if m.get(TEXT) and not given_level(m)]
        x = as_matrix(examples, self._config["meaning_weight"])
        meanings = np.stack([_meaning(m) for m in examples])
        y = np.array([m.get(INTENT) for m in examples])
        fitted, held = train_test_split(
            np.arange(len(y)), test_size=self._config["held_out"], random_state=0, stratify=y
        )
        fit, without_held = at_once(
            lambda: self._fit(x, meanings, y),
            lambda: self._fit(x[fitted], meanings[fitted], y[fitted]),
        )
        temperatures = self._calibrate(without_held, x[held], meanings[held], y[held])
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / "linear.npz", coefficients=fit.coefficients, intercepts=fit.intercepts
            )
            fit.nearest.save(folder)
            meta = {"intents": fit.intents, "temperatures": temperatures._asdict()}
            (folder / "intents.json").write_text(json.dumps(meta), encoding="utf-8")
        return self._resource

    def _calibrate(
        self, fit: Fit, x: scipy.sparse.csr_matrix, meanings: Array, y: NDArray[Any]
    ) -> Temperatures:
        """The temperatures that make the chances of a fit on held-out examples most truthful."""
        truth = np.searchsorted(fit.intents, y)
        scores = x @ fit.coefficients + fit.intercepts
        linear = _temperature(scores, truth)
        votes = np.stack([fit.nearest.votes(meaning) for meaning in meanings])
        both = _temperature(scores / linear + self._config["votes_weight"] * votes, truth)
        return Temperatures(linear, both)

    def process(self, messages: List[Message]) -> List[Message]:
        """Rank the intents of each message, and of each clause of it."""
        if self._learned is None:
            return messages
        intents = self._learned.intents
        clauses = [clause for message in messages for clause in message.get(CLAUSES) or []]
        for message in (*messages, *clauses):
            if not any(c.isalnum() for c in message.get(TEXT) or ""):
                # Nothing typed, or signs only: no intent, which the fallback then says.
                message.set("intent", {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set("intent_ranking", [], add_to_output=True)
                continue
            confidence = self._chances(self._learned, message)
            best = np.argsort(-confidence)[: self._config["ranking_length"]]
            ranking = [{"name": intents[i], "confidence": float(confidence[i])} for i in best]
            message.set("intent", ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _chances(self, fit: Fit, message: Message) -> Scores:
        """The chance of each intent."""
        weighed = weigh(message, self._config["meaning_weight"], fit.coefficients)
        linear = (weighed + fit.intercepts) / fit.temperatures.linear
        votes = self._config["votes_weight"] * fit.nearest.votes(_meaning(message))
        chances: Scores = softmax((linear + votes) / fit.temperatures.both)
        return chances


def _meaning(message: Message) -> Array:
    """The sentence vector of a message."""
    vector: Array = message.get(MEANING_VIEWS)[:DIMENSIONS]
    return vector


def _temperature(scores: Scores, truth: NDArray[np.int64]) -> float:
    """The temperature that makes these scores of examples most truthful."""

    def loss(temperature: float) -> float:
        chances = log_softmax(scores / temperature, axis=1)
        return -float(chances[np.arange(len(truth)), truth].mean())

    return float(minimize_scalar(loss, bounds=(0.02, 5.0), method="bounded").x)
