"""The examples nearest in meaning to a message, and what each of them votes for.

A linear classifier sees which words and shades of meaning speak for a topic over all examples;
it loses what a few examples alone tell. These are asked here: what did those mean who said
nearly the same?
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from medassist.nlu.minilm import Array

_DIMENSIONS = 128
"""Directions of meaning that are kept, a third of all: those in which the examples differ most."""
_GROUPS_SEARCHED = 8
"""Groups of like examples that are looked through, those nearest to the message."""
_REACH = 0.05
"""How fast a vote loses weight with distance (1 - cosine): by a factor of e at this one."""
_NOBODY = 1e-3
"""What every label has before anybody votes: an example at a distance of about seven reaches."""


class _Examples(NamedTuple):
    """Unit vectors of the examples, group by group, and where each group begins and ends."""

    axes: Array
    centres: Array
    bounds: NDArray[np.int64]
    vectors: Array
    labels: NDArray[np.int64]


class NearestExamples:
    """Learned once, then only asked. Only the nearest groups are searched, a twentieth of all."""

    def __init__(self, examples: _Examples) -> None:
        self._examples = examples
        self._kinds = int(examples.labels.max()) + 1

    @classmethod
    def learn(cls, meanings: Array, labels: NDArray[np.int64]) -> NearestExamples:
        """Keep examples: their sentence vectors, one a row, and their labels, from 0 on."""
        _, directions = np.linalg.eigh(meanings.T @ meanings)
        axes = np.ascontiguousarray(directions[:, -_DIMENSIONS:], dtype=np.float32)
        vectors = _unit(meanings @ axes)
        groups = max(1, round(len(vectors) ** 0.5))
        clustering = MiniBatchKMeans(
            groups, random_state=0, batch_size=2048, n_init=1, max_iter=30
        ).fit(vectors)
        centres = _unit(clustering.cluster_centers_.astype(np.float32))
        group = np.argmax(vectors @ centres.T, axis=1)
        order = np.argsort(group, kind="stable")
        bounds = np.searchsorted(group[order], np.arange(groups + 1))
        return cls(_Examples(axes, centres, bounds, vectors[order], labels[order]))

    def votes(self, meaning: Array) -> NDArray[np.float64]:
        """The logarithm of each label's votes, for one sentence vector."""
        axes, centres, bounds, vectors, labels = self._examples
        place = _unit(meaning @ axes)
        groups = np.argsort(centres @ place)[-_GROUPS_SEARCHED:]
        parts = [slice(bounds[group], bounds[group + 1]) for group in groups]
        likeness = np.concatenate([vectors[part] @ place for part in parts])
        voters = np.concatenate([labels[part] for part in parts])
        weights = np.exp((likeness - 1) / _REACH)
        votes: NDArray[np.float64] = np.log(np.bincount(voters, weights, self._kinds) + _NOBODY)
        return votes

    def save(self, folder: Path) -> None:
        """Write what was learned (NumPy)."""
        np.savez(folder / "nearest.npz", **self._examples._asdict())

    @classmethod
    def load(cls, folder: Path) -> NearestExamples:
        """Read what `save` wrote; nothing is unpickled."""
        with np.load(folder / "nearest.npz", allow_pickle=False) as arrays:
            return cls(_Examples(**dict(arrays)))


def _unit(vectors: Array) -> Array:
    """Vectors scaled to length one."""
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
