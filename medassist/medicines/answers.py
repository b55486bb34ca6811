"""The vetted answers in the database: loading them as versions, and finding the one that fits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Engine, Row

from medassist.medicines.files import Answer, Medicine, Source
from medassist.storage.tables import answer_versions, content_gaps


@dataclass(frozen=True)
class VettedAnswer:
    """One answer in force, complete with its sources, as a channel needs it."""

    medicine: str
    title: str
    answer_id: str
    version: int
    review: str
    answer: Answer
    sources: Mapping[str, Source]

    @property
    def topic(self) -> str:
        """What the answer is about, without `ask_`."""
        return self.answer.topic


@dataclass(frozen=True)
class LoadReport:
    """How many answers a load added, changed, withdrew, and left as they were."""

    added: int
    changed: int
    withdrawn: int
    unchanged: int


def _content(medicine: Medicine, answer: Answer) -> dict[str, Any]:
    """An answer as it is stored: with its title, review and every source it names."""
    keys = {key for statement in answer.statements() for key in statement.sources}
    content: dict[str, Any] = json.loads(
        json.dumps(
            {
                "title": medicine.title,
                "names": medicine.all_names(),
                "review": json.loads(medicine.review.json()),
                "answer": json.loads(answer.json()),
                "sources": {
                    key: json.loads(medicine.sources[key].json(by_alias=True))
                    for key in sorted(keys)
                },
            }
        )
    )
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_answers(engine: Engine, medicines: Mapping[str, Medicine]) -> LoadReport:
    """Put the answers of these (already checked) files in force, in one transaction.

    A changed answer becomes a new version; an answer no file holds any more is
    withdrawn. Old versions stay readable.
    """
    added = changed = unchanged = 0
    with engine.begin() as connection:
        in_force = {
            (row.medicine, row.answer_id): row
            for row in connection.execute(
                select(answer_versions).where(answer_versions.c.in_force.is_(True))
            )
        }
        for medicine in medicines.values():
            for answer in medicine.answers:
                content = _content(medicine, answer)
                old = in_force.pop((medicine.medicine, answer.answer_id), None)
                if old is not None and old.digest == _digest(content):
                    unchanged += 1
                    continue
                if old is None:
                    added += 1
                else:
                    changed += 1
                    _withdraw(connection, old)
                _insert(connection, medicine, answer, content)
        for row in in_force.values():
            _withdraw(connection, row)
    return LoadReport(added, changed, len(in_force), unchanged)


def _withdraw(connection: Connection, row: Row) -> None:
    connection.execute(
        update(answer_versions).where(answer_versions.c.id == row.id).values(in_force=False)
    )


def _insert(
    connection: Connection, medicine: Medicine, answer: Answer, content: Mapping[str, Any]
) -> None:
    newest = connection.execute(
        select(func.max(answer_versions.c.version)).where(
            answer_versions.c.medicine == medicine.medicine,
            answer_versions.c.answer_id == answer.answer_id,
        )
    ).scalar()
    connection.execute(
        insert(answer_versions).values(
            medicine=medicine.medicine,
            topic=answer.topic,
            answer_id=answer.answer_id,
            version=(newest or 0) + 1,
            content=content,
            digest=_digest(content),
            review=medicine.review.status,
            in_force=True,
        )
    )


def _vetted(row: Row) -> VettedAnswer:
    return VettedAnswer(
        medicine=row.medicine,
        title=row.content["title"],
        answer_id=row.answer_id,
        version=row.version,
        review=row.review,
        answer=Answer.parse_obj(row.content["answer"]),
        sources={key: Source.parse_obj(s) for key, s in row.content["sources"].items()},
    )


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _readings(question: str, names: Sequence[str]) -> tuple[str, str]:
    """The question's words with the medicine's name as "it", and with the name left out.

    People put the name anywhere: "how long does baclofen last" must meet "does it last".
    """
    words = _words(question)
    named = re.compile("|".join(re.escape(_words(n)) for n in sorted(names, key=len, reverse=True)))
    return named.sub(" it ", words), named.sub(" ", words)


def _fit(answer: Answer, readings: Sequence[str]) -> int:
    """How many letters of the question's words this subtopic claims (0: none)."""
    return max(
        (len(phrase) for phrase in answer.asks if any(_words(phrase) in r for r in readings)),
        default=0,
    )


def _best(rows: Sequence[Row], question: str) -> Row | None:
    """The row that fits best: danger before all, then the longest phrase, then the default."""
    best: tuple[tuple[bool, int, bool], Row] | None = None
    for row in rows:
        answer = Answer.parse_obj(row.content["answer"])
        fit = _fit(answer, _readings(question, row.content["names"]))
        if answer.subtopic and not fit:
            continue
        key = (bool(fit) and answer.danger, fit, not answer.subtopic)
        if best is None or key > best[0]:
            best = (key, row)
    return best[1] if best else None


class Answers:
    """The answers in force, read from the database at each call so that a load counts at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, medicine: str, topic: str, question: str = "") -> VettedAnswer | None:
        """The answer of `medicine` on `topic`; `question` selects a subtopic by its words.

        None when the medicine has no answer on the topic. Never another medicine's.
        """
        best = _best(self._rows(medicine, topic), question)
        return _vetted(best) if best else None

    def get(self, medicine: str, answer_id: str) -> VettedAnswer | None:
        """The answer with this name, whatever was asked."""
        for row in self._rows(medicine, answer_id.split(".")[0]):
            if row.answer_id == answer_id:
                return _vetted(row)
        return None

    def in_force(self) -> list[VettedAnswer]:
        """Every answer in force, by medicine and name."""
        query = (
            select(answer_versions)
            .where(answer_versions.c.in_force.is_(True))
            .order_by(answer_versions.c.medicine, answer_versions.c.answer_id)
        )
        with self._engine.connect() as connection:
            return [_vetted(row) for row in connection.execute(query)]

    def medicines(self) -> dict[str, str]:
        """Generic name and title of each medicine that has an answer in force."""
        query = (
            select(answer_versions.c.medicine, answer_versions.c.content["title"].as_string())
            .where(answer_versions.c.in_force.is_(True))
            .distinct()
        )
        with self._engine.connect() as connection:
            return dict(connection.execute(query).all())

    def record_gap(self, conversation: str, medicine: str, topic: str, question: str) -> None:
        """Keep a question that no vetted answer exists for, so that staff see what is missing."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(content_gaps).values(
                    conversation=conversation[:255],
                    medicine=medicine[:200],
                    topic=topic[:50],
                    question=question,
                )
            )

    def _rows(self, medicine: str, topic: str) -> list[Row]:
        query = (
            select(answer_versions)
            .where(
                answer_versions.c.medicine == medicine,
                answer_versions.c.topic == topic,
                answer_versions.c.in_force.is_(True),
            )
            .order_by(answer_versions.c.answer_id)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query))
