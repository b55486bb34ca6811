"""What classifiers see of a message: its features as a matrix, and the level it teaches."""

from __future__ import annotations

from typing import List, Optional, Text

import scipy.sparse
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, METADATA, METADATA_INTENT
from rasa.shared.nlu.training_data.message import Message


def as_matrix(messages: List[Message], meaning_weight: float) -> scipy.sparse.csr_matrix:
    """Sparse and dense sentence features side by side, one row a message.

    `meaning_weight` scales the sentence vector beside the n-grams, whose rows are unit vectors.
    """
    rows = [[f for f in m.features if f.type == FEATURE_TYPE_SENTENCE] for m in messages]
    columns = []
    for same in zip(*rows):  # the same feature of every message
        block = scipy.sparse.vstack([scipy.sparse.csr_matrix(f.features) for f in same])
        columns.append(block if same[0].is_sparse() else block * meaning_weight)
    return scipy.sparse.hstack(columns, format="csr")


def given_level(message: Message) -> Optional[Text]:
    """The level that stands in the `metadata` of a training example's block, if one does."""
    block = (message.get(METADATA) or {}).get(METADATA_INTENT) or {}
    return block.get("level")
