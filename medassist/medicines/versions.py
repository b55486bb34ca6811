"""The answers as staff see them: every version, its review and how hard it is to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Engine, Row

from medassist.medicines.files import Answer, Source
from medassist.medicines.reading import grade_of, highest_grade
from medassist.medicines.reviews import APPROVED, is_approved, latest_decisions
from medassist.storage.tables import answer_versions

NOT_DECIDED = "not decided"


@dataclass(frozen=True)
class Version:
    """One version of an answer. `decision` is the newest one about it, if any."""

    id: int
    medicine: str
    answer_id: str
    version: int
    in_force: bool
    loaded_at: datetime
    file_review: str
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    content: Mapping[str, Any]
    digest: str

    @property
    def answer(self) -> Answer:
        """The text itself."""
        return Answer.parse_obj(self.content["answer"])

    @property
    def title(self) -> str:
        """The medicine's name as it is written."""
        return str(self.content["title"])

    @property
    def sources(self) -> dict[str, Source]:
        """Every source that the answer names."""
        return {key: Source.parse_obj(value) for key, value in self.content["sources"].items()}

    @property
    def state(self) -> str:
        """approved, returned, withdrawn, or not decided."""
        if is_approved(self.file_review, self.decision):
            return APPROVED
        return self.decision or NOT_DECIDED

    @property
    def grade(self) -> float:
        """Its reading grade."""
        return _grade(self.digest, self)

    @property
    def highest_grade(self) -> float:
        """The highest grade that it may have."""
        return highest_grade(self.answer)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and (self.id, self.digest) == (other.id, other.digest)


@lru_cache(maxsize=2048)
def _grade(_digest: str, version: Version) -> float:
    return grade_of(version.answer, version.content["names"])


def _version(row: Row) -> Version:
    return Version(
        id=row.id,
        medicine=row.medicine,
        answer_id=row.answer_id,
        version=row.version,
        in_force=row.in_force,
        loaded_at=row.loaded_at,
        file_review=row.review,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        content=row.content,
        digest=row.digest,
    )


def _query() -> Any:
    latest = latest_decisions()
    return (
        select(
            answer_versions,
            latest.c.decision,
            latest.c.decided_by,
            latest.c.decided_at,
            latest.c.reason,
        )
        .outerjoin(latest, latest.c.version_id == answer_versions.c.id)
        .order_by(
            answer_versions.c.medicine, answer_versions.c.answer_id, answer_versions.c.version
        )
    )


def newest_versions(engine: Engine) -> list[Version]:
    """The newest version of every answer that a file holds, by medicine and name."""
    with engine.connect() as connection:
        rows = connection.execute(_query().where(answer_versions.c.in_force.is_(True))).all()
    return [_version(row) for row in rows]


def versions_of(engine: Engine, medicine: str, answer_id: str) -> list[Version]:
    """Every version of one answer, newest first."""
    query = _query().where(
        answer_versions.c.medicine == medicine, answer_versions.c.answer_id == answer_id
    )
    with engine.connect() as connection:
        return [_version(row) for row in connection.execute(query)][::-1]


def as_lines(version: Version) -> list[str]:
    """A version as lines to compare: what readers see, what selects it, and its sources."""
    answer = version.answer

    def with_keys(text: str, keys: list[str]) -> str:
        return f"{text} [{', '.join(keys)}]"

    lines = [
        with_keys(f"If {s.situation.value.replace('_', ' ')}: {s.text}", s.sources)
        for s in answer.situations
    ]
    lines.append(with_keys(answer.statement.text, answer.statement.sources))
    lines += [with_keys(f"• {p.text}", p.sources) for p in answer.points]
    if answer.get_help:
        lines.append(
            with_keys(f"When to get help: {answer.get_help.text}", answer.get_help.sources)
        )
    if answer.danger:
        lines.append("It is about danger.")
    if answer.asks:
        lines.append(f"Chosen by the words: {', '.join(answer.asks)}")
    if answer.related:
        lines.append(f"Next questions: {', '.join(answer.related)}")
    lines += [
        f"{key}: {source.title}, {source.publisher}, checked {source.checked}"
        for key, source in sorted(version.sources.items())
    ]
    return lines
