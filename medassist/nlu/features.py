"""What classifiers see of a message: its features as a matrix, and the level it teaches."""

from __future__ import annotations

from typing import List, Optional, Text

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, METADATA, METADATA_INTENT
from rasa.shared.nlu.training_data.message import Message


def as_matrix(messages: List[Message], meaning_weight: float) -> scipy.sparse.csr_matrix:
    """Sparse and dense sentence features side by side, one row a message.

    `meaning_weight` scales the sentence vector beside the n-grams, whose rows are unit vectors.
    """
    rows = [[f for f in m.features if f.type == FEATURE_TYPE_SENTENCE] for m in messages]
    columns = []
    for same in zip(*rows):  # the same feature of every message
        features = [f.features for f in same]
        if same[0].is_sparse():
            columns.append(scipy.sparse.vstack(features, format="csr"))
        else:
            columns.append(scipy.sparse.csr_matrix(np.vstack(features) * meaning_weight))
    # One column of 64-bit numbers would make each product copy all coefficients to 64 bits.
    return scipy.sparse.hstack(columns, format="csr", dtype=np.float32)


def weigh(
    message: Message, meaning_weight: float, coefficients: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The scores of one message: its row of `as_matrix` times the coefficients, a row a feature.

    Coefficients of features that come after those of the message are left out. Through a matrix
    of one row the same sum costs some fifty times as much.
    """
    scores = np.zeros(coefficients.shape[1], dtype=np.float32)
    start = 0
    for feature in message.features:
        if feature.type != FEATURE_TYPE_SENTENCE:
            continue
        values = feature.features
        width = values.shape[1]
        if feature.is_sparse():
            scores += values.data @ coefficients[start + values.indices]
        else:
            scores += (values[0] * meaning_weight) @ coefficients[start : start + width]
        start += width
    return scores


def given_level(message: Message) -> Optional[Text]:
    """The level that stands in the `metadata` of a training example's block, if one does."""
    block = (message.get(METADATA) or {}).get(METADATA_INTENT) or {}
    return block.get("level")
