"""What staff say that an unsure message was about, and the examples made of it for review."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from medassist.settings import ROOT
from medassist.storage.tables import labels


class LabelError(Exception):
    """A label that cannot be given; the message is one plain line."""


@dataclass(frozen=True)
class Label:
    """One message and what it was about."""

    text: str
    intent: str
    account: str
    at: datetime


def known_intents() -> list[str]:
    """Everything that a message can be about, from `domain.yml`."""
    domain = YAML(typ="safe").load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    return sorted(str(intent) for intent in domain["intents"] if intent != "nlu_fallback")


def give_label(
    engine: Engine, *, conversation: str, message_id: str, text: str, intent: str, account: str
) -> None:
    """Say what a message was about; a second label takes the place of the first."""
    values = {
        "text": text,
        "intent": intent,
        "account": account,
        "at": datetime.now(timezone.utc),
    }
    same = (labels.c.conversation == conversation, labels.c.message_id == message_id)
    try:
        with engine.begin() as connection:
            changed = connection.execute(update(labels).where(*same).values(**values))
            if not changed.rowcount:
                connection.execute(
                    insert(labels).values(
                        conversation=conversation, message_id=message_id, **values
                    )
                )
    except IntegrityError:  # somebody else labelled it at the same moment
        with engine.begin() as connection:
            connection.execute(update(labels).where(*same).values(**values))


def labelled(engine: Engine) -> set[tuple[str, str]]:
    """Conversation and message id of every label."""
    with engine.connect() as connection:
        rows = connection.execute(select(labels.c.conversation, labels.c.message_id)).all()
    return {(row.conversation, row.message_id) for row in rows}


def all_labels(engine: Engine) -> list[Label]:
    """Every label, oldest first."""
    query = select(labels.c.text, labels.c.intent, labels.c.account, labels.c.at)
    with engine.connect() as connection:
        return [Label(*row) for row in connection.execute(query.order_by(labels.c.id))]


def as_example(text: str) -> str:
    """A message as one line of Rasa's examples; brackets would be read as marked entities."""
    return " ".join(text.split()).replace("[", "(").replace("]", ")")


def as_training_examples(given: Iterable[Label]) -> str:
    """The labels as Rasa training data, for a person to review before anything learns from it."""
    by_intent: dict[str, dict[str, None]] = {}
    for label in given:
        by_intent.setdefault(label.intent, {})[as_example(label.text)] = None
    document = {
        "version": "3.1",
        "nlu": [
            {
                "intent": intent,
                "examples": LiteralScalarString("".join(f"- {text}\n" for text in texts)),
            }
            for intent, texts in sorted(by_intent.items())
        ],
    }
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 1_000_000  # type: ignore[assignment]
    yaml.dump(document, out)
    head = "# Real messages of patients, labelled by staff. Review each, and take out what could\n"
    return f"{head}# tell who wrote it, before you add it to data/nlu.\n{out.getvalue()}"
