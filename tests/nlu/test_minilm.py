"""The sentence encoder is the official one, and close sentences are close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medassist.nlu.minilm import (
    DIMENSIONS,
    VIEWS,
    EncoderError,
    MiniLM,
    build_encoder,
    packaged_weights,
    require_official,
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    folder = tmp_path_factory.mktemp("encoder")
    build_encoder(packaged_weights(), folder)
    return MiniLM(folder)


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(EncoderError, match="not the official"):
        require_official(tmp_path / "model.safetensors")


def test_the_published_example_comes_out_as_published(encoder: MiniLM) -> None:
    """Similarities from the model's card; 8-bit products may move them by a few hundredths."""
    happy, dog, very, sunny = encoder.encode(
        [
            "That is a happy person",
            "That is a happy dog",
            "That is a very happy person",
            "Today is a sunny day",
        ]
    )[:, :DIMENSIONS]
    assert happy @ dog == pytest.approx(0.695, abs=0.04)
    assert happy @ very == pytest.approx(0.943, abs=0.04)
    assert happy @ sunny == pytest.approx(0.257, abs=0.04)


def test_a_text_has_nearly_the_same_vector_alone_and_among_others(encoder: MiniLM) -> None:
    texts = ["can i drink on it", "", "x" * 5000, "can i take it with food now", "🙂"]
    together = encoder.encode(texts).reshape(len(texts), VIEWS, DIMENSIONS)
    for text, views in zip(texts, together):
        alone = encoder.encode([text]).reshape(VIEWS, DIMENSIONS)
        assert (np.sum(alone * views, axis=1) > 0.98).all()
    assert np.allclose(np.linalg.norm(together, axis=2), 1, atol=1e-5)


def test_what_is_begun_in_the_background_is_what_encoding_gives(encoder: MiniLM) -> None:
    texts = ["can i drink on it", "", "x" * 5000, "may i eat with it", "🙂"]
    begun = encoder.begin(texts)
    assert np.allclose(begun.result(timeout=60), encoder.encode(texts), atol=1e-6)


def test_many_messages_begun_at_once_get_each_its_own_vectors(encoder: MiniLM) -> None:
    texts = [" ".join(["pain"] * count) for count in range(1, 60)] * 5
    begun = [encoder.begin([text, "", f"my {text}"]) for text in texts]
    for text, vectors in zip(texts, begun):
        wanted = encoder.encode([text, "", f"my {text}"])
        assert np.allclose(vectors.result(timeout=60), wanted, atol=1e-6)


def test_who_stops_waiting_does_not_stop_the_encoder(encoder: MiniLM) -> None:
    begun = encoder.begin(["is it safe", "with food"])
    assert not begun.cancel()
    assert begun.result(timeout=60).shape == (2, VIEWS * DIMENSIONS)
    assert encoder.begin(["and now"]).result(timeout=60).shape == (1, VIEWS * DIMENSIONS)
    assert encoder.begin([]).result(timeout=60).shape == (0, VIEWS * DIMENSIONS)
