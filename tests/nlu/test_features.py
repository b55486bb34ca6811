"""One message is weighed as a whole matrix of messages would be, only faster."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message

from medassist.nlu.features import as_matrix, weigh
from medassist.nlu.ngrams import _VIEWS, _vectorizer, _View

TEXTS = [
    "Can I take two today?",
    "what's it for",
    "can i take it, what is it for? é",
    "??",
    "",
    "two two two today",
]


@pytest.mark.parametrize("name", _VIEWS)
def test_the_terms_of_one_text_weigh_what_the_vectorizer_makes_of_them(name: str) -> None:
    vectorizer = _vectorizer(name).fit(TEXTS)
    view = _View(
        vectorizer.build_analyzer(), vectorizer.vocabulary_, vectorizer.idf_.astype(np.float32)
    )
    wanted = vectorizer.transform(TEXTS).toarray()
    for text, row in zip(TEXTS, wanted):
        found = np.zeros_like(row)
        columns, weights = view.row(text)
        found[columns] = weights
        assert found == pytest.approx(row, abs=1e-6)


def test_a_message_is_weighed_as_its_row_of_the_matrix() -> None:
    random = np.random.default_rng(7)
    message = Message({TEXT: "words"})
    message.add_features(
        Features(
            scipy.sparse.random(1, 50, 0.2, "csr", np.float32, random_state=7),
            FEATURE_TYPE_SENTENCE,
            TEXT,
            "wording",
        )
    )
    dense = random.normal(size=(1, 8)).astype(np.float32)
    message.add_features(Features(dense, FEATURE_TYPE_SENTENCE, TEXT, "meaning"))
    words = random.normal(size=(3, 8)).astype(np.float32)
    message.add_features(Features(words, FEATURE_TYPE_SEQUENCE, TEXT, "meaning"))
    coefficients = random.normal(size=(58, 5)).astype(np.float32)
    wanted = (as_matrix([message], 4.0) @ coefficients)[0]
    assert weigh(message, 4.0, coefficients) == pytest.approx(wanted, abs=1e-4)
    further = np.vstack([coefficients, random.normal(size=(3, 5)).astype(np.float32)])
    assert weigh(message, 4.0, further) == pytest.approx(wanted, abs=1e-4)
