"""What classifiers see of a message: its features as a matrix, and the level it teaches."""

from __future__ import annotations

from typing import List, Optional, Text

import scipy.sparse
from rasa.shared.nlu.constants import METADATA, METADATA_INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message


def as_matrix(messages: List[Message], meaning_weight: float) -> scipy.sparse.csr_matrix:
    """Sparse and dense sentence features side by side, one row a message.

    `meaning_weight` scales the sentence vector beside the n-grams, whose rows are unit vectors.
    """
    sparse = [message.get_sparse_features(TEXT)[1] for message in messages]
    dense = [message.get_dense_features(TEXT)[1] for message in messages]
    parts = []
    if all(sparse):
        parts.append(scipy.sparse.vstack([s.features for s in sparse]))
    if all(dense):
        meaning = scipy.sparse.vstack([scipy.sparse.csr_matrix(d.features) for d in dense])
        parts.append(meaning * meaning_weight)
    return scipy.sparse.hstack(parts, format="csr")


def given_level(message: Message) -> Optional[Text]:
    """The level that stands in the `metadata` of a training example's block, if one does."""
    block = (message.get(METADATA) or {}).get(METADATA_INTENT) or {}
    return block.get("level")
