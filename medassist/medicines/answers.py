"""The vetted answers in the database: loading them as versions, and finding the one that fits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine, Row

from medassist.medicines.files import Answer, Medicine, Source
from medassist.medicines.reviews import (
    APPROVED,
    FILE_APPROVED,
    WITHDRAWN,
    add_decision,
    is_approved,
    latest_decisions,
    review_shown,
)
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


def stored_content(medicine: Medicine, answer: Answer) -> dict[str, Any]:
    """An answer as it is stored: with its title, review and every source it names.

    What a clinician decided about it is no part of it, so that deciding makes no new version.
    """
    keys = {key for statement in answer.statements() for key in statement.sources}
    content: dict[str, Any] = json.loads(
        json.dumps(
            {
                "title": medicine.title,
                "names": medicine.all_names(),
                "review": json.loads(medicine.review.json()),
                "answer": json.loads(answer.json(exclude={"reviewed"})),
                "sources": {
                    key: json.loads(medicine.sources[key].json(by_alias=True))
                    for key in sorted(keys)
                },
            }
        )
    )
    return content


def digest_of(content: Mapping[str, Any]) -> str:
    """What tells one content from another."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _what_was_decided_on(content: Mapping[str, Any]) -> dict[str, Any]:
    """The words and sources; not the medicine's other names, nor when a source was re-read."""
    sources = {
        key: {name: value for name, value in source.items() if name != "checked"}
        for key, source in content["sources"].items()
    }
    return {"answer": content["answer"], "title": content["title"], "sources": sources}


def load_answers(engine: Engine, medicines: Mapping[str, Medicine]) -> LoadReport:
    """Put the answers of these (already checked) files in force, in one transaction.

    A changed answer becomes a new version; an answer no file holds any more is
    withdrawn. Old versions stay readable. What a clinician decided goes on to a new version
    only when its words and sources are the same; a decision that a file brings counts where
    nobody has decided here.
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
                content = stored_content(medicine, answer)
                old = in_force.pop((medicine.medicine, answer.answer_id), None)
                if old is not None and old.digest == digest_of(content):
                    unchanged += 1
                    _take_decision(connection, old.id, answer)
                    continue
                new = _insert(connection, medicine, answer, content)
                if old is None:
                    added += 1
                else:
                    changed += 1
                    _withdraw(connection, old)
                    if _what_was_decided_on(old.content) == _what_was_decided_on(content):
                        _carry_decision(connection, old.id, new)
                _take_decision(connection, new, answer)
        for row in in_force.values():
            _withdraw(connection, row)
    return LoadReport(added, changed, len(in_force), unchanged)


def _withdraw(connection: Connection, row: Row) -> None:
    connection.execute(
        update(answer_versions).where(answer_versions.c.id == row.id).values(in_force=False)
    )


def _insert(
    connection: Connection, medicine: Medicine, answer: Answer, content: Mapping[str, Any]
) -> int:
    newest = connection.execute(
        select(func.max(answer_versions.c.version)).where(
            answer_versions.c.medicine == medicine.medicine,
            answer_versions.c.answer_id == answer.answer_id,
        )
    ).scalar()
    inserted = connection.execute(
        insert(answer_versions).values(
            medicine=medicine.medicine,
            topic=answer.topic,
            answer_id=answer.answer_id,
            version=(newest or 0) + 1,
            content=content,
            digest=digest_of(content),
            review=medicine.review.status,
            in_force=True,
        )
    )
    return int(inserted.inserted_primary_key[0])


def _latest_decision(connection: Connection, version_id: int) -> Row | None:
    latest = latest_decisions()
    found: Row | None = connection.execute(
        select(latest).where(latest.c.version_id == version_id)
    ).first()
    return found


def _carry_decision(connection: Connection, old: int, new: int) -> None:
    made = _latest_decision(connection, old)
    if made is not None:
        add_decision(connection, new, made.decision, made.decided_by, made.reason, made.decided_at)


def _take_decision(connection: Connection, version_id: int, answer: Answer) -> None:
    made = answer.reviewed
    if made is not None and _latest_decision(connection, version_id) is None:
        add_decision(connection, version_id, made.decision, made.by, made.reason, made.at)


_PARSED_AT_MOST = 1_000
_parsed: dict[str, Answer] = {}
"""Answers by the digest of their content, which never changes: checking one takes a millisecond."""


def _answer(row: Row) -> Answer:
    """The answer that a version holds."""
    answer = _parsed.get(row.digest)
    if answer is None:
        if len(_parsed) >= _PARSED_AT_MOST:
            _parsed.clear()
        answer = _parsed[row.digest] = Answer.parse_obj(row.content["answer"])
    return answer


def _vetted(row: Row) -> VettedAnswer:
    return VettedAnswer(
        medicine=row.medicine,
        title=row.content["title"],
        answer_id=row.answer_id,
        version=row.version,
        review=review_shown(row.review, row.decision),
        answer=_answer(row),
        sources={key: Source.parse_obj(s) for key, s in row.content["sources"].items()},
    )


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


@lru_cache(maxsize=10_000)
def _words_of_file(text: str) -> str:
    """The words of a phrase or name that a file gives (nothing that people wrote is kept)."""
    return _words(text)


@lru_cache(maxsize=100)
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(re.escape(_words(name)) for name in longest_first))


def _readings(question: str, names: Sequence[str]) -> tuple[str, str]:
    """The question's words with the medicine's name as "it", and with the name left out.

    People put the name anywhere: "how long does baclofen last" must meet "does it last".
    """
    words, named = _words(question), _any_of(tuple(names))
    return named.sub(" it ", words), named.sub(" ", words)


def _fit(answer: Answer, readings: Sequence[str]) -> int:
    """How many letters of the question's words this subtopic claims (0: none)."""
    return max(
        (
            len(phrase)
            for phrase in answer.asks
            if any(_words_of_file(phrase) in r for r in readings)
        ),
        default=0,
    )


@dataclass(frozen=True)
class _Candidate:
    """An answer that a file holds: its newest version, and the version that may be said."""

    newest: Row
    served: Row | None

    @property
    def row(self) -> Row:
        """What decides whether it fits a question."""
        return self.served or self.newest


def _candidates(rows: Sequence[Row], approved_only: bool) -> list[_Candidate]:
    """One for each answer; `rows` are the versions in order.

    Withdrawn is withdrawn: no older version is said in its place. Where only approved text
    may be said, the newest approved version is, even if a newer one waits for approval.
    """
    versions: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        versions.setdefault((row.medicine, row.answer_id), []).append(row)
    found = []
    for own in versions.values():
        newest = next((row for row in own if row.in_force), None)
        if newest is None:
            continue
        if newest.decision == WITHDRAWN:
            served = None
        elif approved_only:
            approved = [row for row in own if is_approved(row.review, row.decision)]
            served = approved[-1] if approved else None
        else:
            served = newest
        found.append(_Candidate(newest, served))
    return found


def _best(candidates: Sequence[_Candidate], question: str) -> _Candidate | None:
    """What fits best: danger before all, then the longest phrase, then the default.

    An answer that may not be said is found like any other, so that a question about it is
    not answered with another one.
    """
    best: tuple[tuple[bool, int, bool], _Candidate] | None = None
    for candidate in candidates:
        answer = _answer(candidate.row)
        fit = _fit(answer, _readings(question, candidate.row.content["names"]))
        if answer.subtopic and not fit:
            continue
        key = (bool(fit) and answer.danger, fit, not answer.subtopic)
        if best is None or key > best[0]:
            best = (key, candidate)
    return best[1] if best else None


# Built once each: building a query costs more than SQLite takes to answer it.
_OF_MEDICINE = answer_versions.c.medicine == bindparam("of_medicine")
_TITLE = (
    select(answer_versions.c.content["title"].as_string())
    .where(answer_versions.c.in_force.is_(True), _OF_MEDICINE)
    .limit(1)
)
_TITLES = select(answer_versions.c.medicine, answer_versions.c.content["title"].as_string()).where(
    answer_versions.c.id.in_(
        select(func.min(answer_versions.c.id))
        .where(answer_versions.c.in_force.is_(True))
        .group_by(answer_versions.c.medicine)
    )
)
_GAP = insert(content_gaps)


@cache
def _versions(of_medicine: bool, of_topic: bool, approved_only: bool) -> Any:
    """The versions that may be said, with the newest decision about each, in order."""
    latest = latest_decisions()
    query = (
        select(answer_versions, latest.c.decision)
        .outerjoin(latest, latest.c.version_id == answer_versions.c.id)
        .order_by(
            answer_versions.c.medicine, answer_versions.c.answer_id, answer_versions.c.version
        )
    )
    if of_medicine:
        query = query.where(_OF_MEDICINE)
    if of_topic:
        query = query.where(answer_versions.c.topic == bindparam("of_topic"))
    wanted = answer_versions.c.in_force.is_(True)
    if approved_only:
        wanted = or_(
            wanted,
            latest.c.decision == APPROVED,
            answer_versions.c.review == FILE_APPROVED,
        )
    return query.where(wanted)


class Answers:
    """The answers in force, read from the database at each call so that a load counts at once.

    With `approved_only` no text is said that no clinician has approved.
    """

    def __init__(self, engine: Engine, *, approved_only: bool = False) -> None:
        self._engine = engine
        self._approved_only = approved_only

    def find(self, medicine: str, topic: str, question: str = "") -> VettedAnswer | None:
        """The answer of `medicine` on `topic`; `question` selects a subtopic by its words.

        None when the medicine has no answer on the topic that may be said (`why_withheld` tells
        why). Never another medicine's.
        """
        best = _best(self._candidates(medicine, topic), question)
        return _vetted(best.served) if best and best.served else None

    def why_withheld(self, medicine: str, topic: str, question: str = "") -> str | None:
        """Why `find` gives nothing though a file holds an answer: "withdrawn" or "unapproved"."""
        best = _best(self._candidates(medicine, topic), question)
        if best is None or best.served:
            return None
        return "withdrawn" if best.newest.decision == WITHDRAWN else "unapproved"

    def get(self, medicine: str, answer_id: str) -> VettedAnswer | None:
        """The answer with this name, whatever was asked."""
        for candidate in self._candidates(medicine, answer_id.split(".")[0]):
            if candidate.newest.answer_id == answer_id and candidate.served:
                return _vetted(candidate.served)
        return None

    def in_force(self) -> list[VettedAnswer]:
        """Every answer that may be said, by medicine and name."""
        return [_vetted(c.served) for c in self._candidates() if c.served]

    def medicines(self) -> dict[str, str]:
        """Generic name and title of each medicine that there is a file about."""
        with self._engine.connect() as connection:
            return dict(connection.execute(_TITLES).all())

    def title_of(self, medicine: str) -> str | None:
        """The title of a medicine that there is a file about, None of any other."""
        with self._engine.connect() as connection:
            title: str | None = connection.execute(_TITLE, {"of_medicine": medicine}).scalar()
        return title

    def record_gap(self, conversation: str, medicine: str, topic: str, question: str) -> None:
        """Keep a question that no vetted answer exists for, so that staff see what is missing."""
        with self._engine.begin() as connection:
            connection.execute(
                _GAP,
                {
                    "conversation": conversation[:255],
                    "medicine": medicine[:200],
                    "topic": topic[:50],
                    "question": question,
                },
            )

    def _candidates(
        self, medicine: str | None = None, topic: str | None = None
    ) -> list[_Candidate]:
        query = _versions(medicine is not None, topic is not None, self._approved_only)
        with self._engine.connect() as connection:
            rows = list(connection.execute(query, {"of_medicine": medicine, "of_topic": topic}))
        return _candidates(rows, self._approved_only)
