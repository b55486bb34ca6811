"""The examples nearest in meaning vote for what a message is about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medassist.nlu.minilm import DIMENSIONS, Array
from medassist.nlu.nearest import NearestExamples

TOPICS = 12


def unit(vectors: NDArray[np.float64]) -> Array:
    """Scaled to length one."""
    scaled: Array = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def around(centres: Array, how_many: int, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Unit vectors about these centres, and of which centre each is."""
    random = np.random.default_rng(seed)
    of = random.integers(len(centres), size=how_many)
    # Real sentence vectors of one question differ from each other by a cosine of about 0.8.
    noise = random.normal(size=(how_many, DIMENSIONS)) * 0.5 / DIMENSIONS**0.5
    vectors = centres[of] + noise
    return unit(vectors), of


@pytest.fixture(scope="module")
def centres() -> Array:
    vectors = np.random.default_rng(1).normal(size=(60, DIMENSIONS))
    return unit(vectors)


@pytest.fixture(scope="module")
def nearest(centres: Array) -> NearestExamples:
    vectors, of = around(centres, 3000, seed=2)
    return NearestExamples.learn(vectors, of % TOPICS)


def test_what_was_meant_by_the_like_examples_wins(nearest: NearestExamples, centres: Array) -> None:
    questions, of = around(centres, 200, seed=3)
    votes = np.stack([nearest.votes(question) for question in questions])
    assert np.array_equal(votes.argmax(axis=1), of % TOPICS)


def test_a_question_that_is_like_no_example_has_a_voice_for_nothing(
    nearest: NearestExamples,
) -> None:
    strange = np.random.default_rng(4).normal(size=DIMENSIONS).astype(np.float32)
    votes = nearest.votes(strange)
    assert votes.max() - votes.min() < 1.0


def test_votes_are_the_same_after_saving(
    nearest: NearestExamples, centres: Array, tmp_path: Path
) -> None:
    nearest.save(tmp_path)
    loaded = NearestExamples.load(tmp_path)
    for question in around(centres, 20, seed=5)[0]:
        assert np.array_equal(loaded.votes(question), nearest.votes(question))


def test_a_handful_of_examples_is_enough_to_learn(centres: Array) -> None:
    few = NearestExamples.learn(centres[:3], np.array([0, 1, 2]))
    assert [int(few.votes(centre).argmax()) for centre in centres[:3]] == [0, 1, 2]
