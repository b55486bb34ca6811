"""Leaves out what Rasa imports and this bot never uses, where a server is all that is wanted.

Rasa imports all of its components, used or not: its neural networks, and TensorFlow with them
(350 MB of memory and seconds of every start), and the clients of channels, clouds and databases.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ruamel.yaml import YAML

COMPONENTS = {
    "ConveRTFeaturizer",
    "DIETClassifier",
    "LanguageModelFeaturizer",
    "ResponseSelector",
    "TEDPolicy",
    "UnexpecTEDIntentPolicy",
}
"""Rasa's components that need TensorFlow, by their names in config.yml."""

_MODULES = (
    "rasa.core.policies.ted_policy",
    "rasa.core.policies.unexpected_intent_policy",
    "rasa.nlu.classifiers.diet_classifier",
    "rasa.nlu.featurizers.dense_featurizer.convert_featurizer",
    "rasa.nlu.featurizers.dense_featurizer.lm_featurizer",
    "rasa.nlu.selectors.response_selector",
    "rasa.utils.tensorflow.callback",
    "rasa.utils.tensorflow.data_generator",
)
"""Where Rasa 3.6 imports TensorFlow. Were one missing here, it would be imported as before."""

_LIBRARIES = (
    # Rasa's own connectors to Telegram and Webex (ours are in medassist/channels)
    "aiogram", "aiogram.types", "aiogram.utils", "aiogram.utils.exceptions", "webexteamssdk",
    # conversations in MongoDB and DynamoDB
    "pymongo", "pymongo.collection", "pymongo.errors",
    "boto3", "boto3.dynamodb", "boto3.dynamodb.conditions",
    # plots of Rasa's own tests
    "matplotlib", "matplotlib.ticker",
)  # fmt: skip
"""Libraries of Rasa's parts that settings of ours cannot switch on: 60 MB."""


class _LeftOut(ModuleType):
    """Stands for a module whose classes other modules import but nothing uses."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        # An exception, because that is what Rasa names some of them for: in an `except`.
        return type(name, (Exception,), {"__doc__": "Left out: this bot does not use it."})


def needs_networks(config: Path) -> bool:
    """Whether a Rasa configuration names a component that needs TensorFlow.

    A configuration that leaves its pipeline or policies to Rasa does: Rasa chooses networks.
    """
    written = YAML(typ="safe").load(config.read_text(encoding="utf-8"))
    parts = (written.get("pipeline"), written.get("policies"))
    return not all(parts) or any(
        str(part["name"]).rpartition(".")[2] in COMPONENTS for listed in parts for part in listed
    )


def leave_out_networks() -> None:
    """Put stand-ins in the place of Rasa's networks. To be called before Rasa is imported."""
    _leave_out(_MODULES)


def leave_out_libraries() -> None:
    """The same for libraries of channels and databases that we do not offer."""
    _leave_out(_LIBRARIES)
    sys.modules.setdefault("h5py", None)  # type: ignore[arg-type]  # spaCy takes it if it is there


def _leave_out(modules: Sequence[str]) -> None:
    for name in modules:
        sys.modules.setdefault(name, _LeftOut(name))
