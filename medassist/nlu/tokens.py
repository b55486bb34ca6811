"""First in the pipeline: makes any message safe to read, then splits it into words."""

from __future__ import annotations

from typing import Any, Dict, List, Text

import spacy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from medassist.nlu.parts import set_parts

LONGEST_MESSAGE = 5_000
"""Characters that are read of one message; triage has its own, stricter rule for longer ones."""

DIVISION_SLASH = "\u2215"


def as_plain_text(text: object) -> str:
    """What a person typed as text that Rasa cannot mistake for a command.

    Rasa reads a leading `/` as an intent chosen by the sender and throws away the
    pipeline's result, triage included. The look-alike division slash keeps the text
    readable. Doing it here covers every connector and `/model/parse` at once.
    """
    plain = text.strip() if isinstance(text, str) else ""
    stripped = plain.lstrip("/")
    if stripped != plain:
        plain = DIVISION_SLASH * (len(plain) - len(stripped)) + stripped
    return plain


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class MessageTokenizer(Tokenizer):
    """Words by spaCy's English tokenizer rules; no trained model is needed."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The options every Rasa tokenizer has to name."""
        return {
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    def __init__(self, config: Dict[Text, Any]) -> None:
        super().__init__(config)
        self._english = spacy.blank("en")

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "MessageTokenizer":
        """Creates the component for training and for use alike: it learns nothing."""
        return cls(config)

    def process(self, messages: List[Message]) -> List[Message]:
        """Neutralise and tokenise; the message's text is from here on never None."""
        for message in messages:
            text = as_plain_text(message.get(TEXT))
            message.set(TEXT, text, add_to_output=True)
            set_parts(message, text[:LONGEST_MESSAGE])
        return super().process(messages)

    def tokenize(self, message: Message, attribute: Text) -> List[Token]:
        """Split the attribute's first `LONGEST_MESSAGE` characters into words."""
        text = (message.get(attribute) or "")[:LONGEST_MESSAGE]
        tokens = [
            Token(token.text, token.idx)
            for token in self._english.make_doc(text)
            if not token.is_space
        ]
        return self._apply_token_pattern(tokens)
