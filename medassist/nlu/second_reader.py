"""The second reader: two small classifiers of danger that learn from labelled messages.

One is linear over the wording, the meaning and what the rules found; the other a network with
one hidden layer over the meaning and what the rules found. They err in different places, so
their mean is better than either (`docs/understanding.md`).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import List, NamedTuple, Optional, Text

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from medassist.nlu.all_cores import at_once
from medassist.nlu.encoder import MEANING_VIEWS
from medassist.nlu.features import as_matrix, given_level, weigh
from medassist.triage.findings import Assessment, Level, Opinion

Array = NDArray[np.float32]

_LEVELS = (Level.ROUTINE, Level.URGENT, Level.EMERGENCY)
_NETWORKS, _HIDDEN, _ROUNDS = 3, 256, 8
"""Networks from different starts: one alone moves by some points with every training."""
# Scales of the features beside each other, chosen on the tuning part of the evaluation set.
_MEANING, _FINDING = 4.0, 0.5
_NETWORK_MEANING, _NETWORK_FINDING = 8.0, 1.0


class Weights(NamedTuple):
    """Everything that is learned: the linear classifier's and the network's arrays."""

    linear: Array
    linear_bias: Array
    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array


def labelled_level(message: Message) -> Optional[Level]:
    """The level of a training example, or None where nobody labelled it.

    It stands in the `metadata` of its block. A block without one is routine, unless its intent
    reports something: that may be of any level.
    """
    level = given_level(message)
    if level:
        return Level(level)
    return None if (message.get(INTENT) or "").startswith("report_") else Level.ROUTINE


def findings_as_names(assessment: Assessment) -> List[Text]:
    """What the rules found in this message alone, as names the classifiers can weigh."""
    names = {f"own:{assessment.own_level.value}", f"rule:{assessment.rule_id}"}
    for finding in assessment.findings:
        names.add(f"{finding.sign}:{finding.context}")
        names.add(f"any:{finding.context}:{finding.level.value}")
    names.update(f"amount:{amount.kind}:{amount.verdict}" for amount in assessment.amounts)
    return sorted(names)


def _network(deep: Array, ranks: NDArray[np.int64], seed: int) -> MLPClassifier:
    """A network fitted to the ranks (0 routine, 1 urgent, 2 emergency) from one start."""
    network = MLPClassifier(
        (_HIDDEN,), alpha=1e-2, batch_size=256, learning_rate_init=1e-3, random_state=seed
    )
    for _ in range(_ROUNDS):
        network.partial_fit(deep, ranks, classes=[0, 1, 2])
    return network


class SecondReader:
    """Learned once, then only read."""

    def __init__(self, findings: List[Text], weights: Optional[Weights] = None) -> None:
        self._findings = {name: i for i, name in enumerate(findings)}
        self._weights = weights

    @classmethod
    def learn(cls, messages: List[Message], assessments: List[Assessment]) -> "SecondReader":
        """Fit on the labelled ones of these messages and what the rules found in each."""
        labelled = [(m, a) for m, a in zip(messages, assessments) if labelled_level(m)]
        examples, found = [m for m, _ in labelled], [a for _, a in labelled]
        # What has nothing to do with medicines counts twice: there a false alarm is the sillier.
        often = [2 if m.get(INTENT) == "out_of_scope" else 1 for m in examples]
        rows = np.repeat(np.arange(len(examples)), often)
        levels = [_LEVELS.index(labelled_level(m) or Level.ROUTINE) for m in examples]
        ranks = np.array(levels)[rows]
        reader = cls(sorted({name for a in found for name in findings_as_names(a)}))
        wide, deep = reader._wide(examples, found)[rows], reader._deep(examples, found)[rows]

        def linear(lowest: int) -> LogisticRegression:
            # The dual problem is solved three times faster here; its random order has a seed.
            model = LogisticRegression(
                C=30.0, solver="liblinear", dual=True, tol=1e-2, max_iter=50, random_state=0
            )
            return model.fit(wide, ranks >= lowest)

        *networks, emergency, urgent = at_once(
            *(partial(_network, deep, ranks, seed) for seed in range(_NETWORKS)),
            partial(linear, 2),
            partial(linear, 1),
        )
        arrays = (
            np.hstack([emergency.coef_.T, urgent.coef_.T]),
            np.concatenate([emergency.intercept_, urgent.intercept_]),
            # Side by side they are one wider network that answers with their mean.
            np.hstack([n.coefs_[0] for n in networks]),
            np.hstack([n.intercepts_[0] for n in networks]),
            np.vstack([n.coefs_[1] for n in networks]) / _NETWORKS,
            np.mean([n.intercepts_[1] for n in networks], axis=0),
        )
        reader._weights = Weights(*(array.astype(np.float32) for array in arrays))
        return reader

    def read(self, message: Message, assessment: Assessment) -> Opinion:
        """The opinion on one message, given what the rules found in it."""
        assert self._weights is not None
        w = self._weights
        names = findings_as_names(assessment)
        found = [self._findings[name] for name in names if name in self._findings]
        wide = weigh(message, _MEANING, w.linear) + w.linear_bias
        wide = wide + _FINDING * w.linear[len(w.linear) - len(self._findings) :][found].sum(axis=0)
        meaning = message.get(MEANING_VIEWS) * _NETWORK_MEANING
        hidden = meaning @ w.hidden[: len(meaning)] + w.hidden_bias
        hidden = hidden + _NETWORK_FINDING * w.hidden[len(meaning) :][found].sum(axis=0)
        routine, urgent, emergency = np.maximum(hidden, 0) @ w.output + w.output_bias
        # Log-odds of the network for the same two questions: an emergency, at least urgent.
        deep = (
            emergency - np.logaddexp(routine, urgent),
            np.logaddexp(urgent, emergency) - routine,
        )
        chances = expit((wide + np.array(deep)) / 2)
        return Opinion(emergency=float(chances[0]), urgent=float(max(chances)))

    def _found(self, assessments: List[Assessment]) -> scipy.sparse.csr_matrix:
        rows, columns = [], []
        for row, assessment in enumerate(assessments):
            for name in findings_as_names(assessment):
                column = self._findings.get(name)
                if column is not None:
                    rows.append(row)
                    columns.append(column)
        ones = np.ones(len(rows), dtype=np.float32)
        shape = (len(assessments), len(self._findings))
        return scipy.sparse.csr_matrix((ones, (rows, columns)), shape=shape)

    def _wide(
        self, messages: List[Message], assessments: List[Assessment]
    ) -> scipy.sparse.csr_matrix:
        found = self._found(assessments) * _FINDING
        return scipy.sparse.hstack([as_matrix(messages, _MEANING), found], format="csr")

    def _deep(self, messages: List[Message], assessments: List[Assessment]) -> Array:
        views = np.stack([message.get(MEANING_VIEWS) for message in messages])
        found = self._found(assessments).toarray()
        return np.hstack([views * _NETWORK_MEANING, found * _NETWORK_FINDING])

    def save(self, folder: Path) -> None:
        """Write names (JSON) and weights (NumPy)."""
        assert self._weights is not None
        (folder / "findings.json").write_text(json.dumps(list(self._findings)), encoding="utf-8")
        np.savez(folder / "weights.npz", **self._weights._asdict())

    @classmethod
    def load(cls, folder: Path) -> "SecondReader":
        """Read what `save` wrote; nothing is unpickled."""
        findings: List[Text] = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            return cls(findings, Weights(**dict(arrays)))
