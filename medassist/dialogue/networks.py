"""Leaves out Rasa's neural networks, and TensorFlow with them, where the pipeline has none.

Rasa imports all of its components, used or not. TensorFlow alone takes 350 MB of memory and
seconds of every start, and our pipeline runs without it.
"""

from __future__ import annotations

import sys
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


class _LeftOut(ModuleType):
    """Stands for a module whose classes other modules import but nothing uses."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__doc__": "Left out: the configuration has no neural network."})


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
    for name in _MODULES:
        sys.modules.setdefault(name, _LeftOut(name))
