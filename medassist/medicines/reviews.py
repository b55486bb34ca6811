"""What clinicians decided about the answers. A decision is about one version, and only added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection, Engine

from medassist.storage.tables import answer_reviews, answer_versions

APPROVED, RETURNED, WITHDRAWN = "approved", "returned", "withdrawn"

DECISION_WORDS = {
    APPROVED: "approved",
    RETURNED: "returned with a reason",
    WITHDRAWN: "withdrawn",
}

FILE_APPROVED = "clinician-approved"
"""The review status of a file whose answers are all approved."""


class ReviewError(Exception):
    """A decision that cannot be taken; the message is one plain line."""


@dataclass(frozen=True)
class Decision:
    """One decision about a version of an answer."""

    version: int
    decision: str
    reason: str
    account: str
    at: datetime


def decide(engine: Engine, version_id: int, decision: str, account: str, reason: str = "") -> None:
    """Approve, return or withdraw the version in force; it counts at once.

    Raises ReviewError for a version that is not the newest, or a missing reason.
    """
    if decision not in DECISION_WORDS:
        raise ReviewError(f"A decision is one of {', '.join(DECISION_WORDS)}.")
    reason = reason.strip()
    if decision != APPROVED and not reason:
        raise ReviewError("Please write why, so that whoever mends the answer knows.")
    with engine.begin() as connection:
        in_force = connection.execute(
            select(answer_versions.c.in_force).where(answer_versions.c.id == version_id)
        ).scalar()
        if not in_force:
            raise ReviewError("A newer version of this answer is loaded. Please look at it first.")
        add_decision(connection, version_id, decision, account, reason)


def add_decision(
    connection: Connection,
    version_id: int,
    decision: str,
    account: str,
    reason: str,
    at: datetime | None = None,
) -> None:
    """Write a decision down."""
    connection.execute(
        insert(answer_reviews).values(
            version_id=version_id,
            decision=decision,
            account=account[:100],
            reason=reason,
            at=at or datetime.now(timezone.utc),
        )
    )


def latest_decisions() -> Any:
    """A subquery: `version_id`, and the `decision` and who, when and why of the newest one."""
    newest = (
        select(func.max(answer_reviews.c.id).label("id"))
        .group_by(answer_reviews.c.version_id)
        .subquery()
    )
    return (
        select(
            answer_reviews.c.version_id,
            answer_reviews.c.decision,
            answer_reviews.c.account.label("decided_by"),
            answer_reviews.c.at.label("decided_at"),
            answer_reviews.c.reason,
        )
        .join(newest, newest.c.id == answer_reviews.c.id)
        .subquery("latest")
    )


def decisions_about(engine: Engine, medicine: str, answer_id: str) -> list[Decision]:
    """Every decision about any version of an answer, newest first."""
    query = (
        select(answer_versions.c.version, answer_reviews)
        .join(answer_versions, answer_versions.c.id == answer_reviews.c.version_id)
        .where(answer_versions.c.medicine == medicine, answer_versions.c.answer_id == answer_id)
        .order_by(answer_reviews.c.id.desc())
    )
    with engine.connect() as connection:
        return [
            Decision(row.version, row.decision, row.reason, row.account, row.at)
            for row in connection.execute(query)
        ]


def is_approved(file_review: str, decision: str | None) -> bool:
    """Whether a version counts as approved: by a decision, or else by its file."""
    return decision == APPROVED or (decision is None and file_review == FILE_APPROVED)


def review_shown(file_review: str, decision: str | None) -> str:
    """The review status that readers see. Returned or withdrawn text is never "approved"."""
    if is_approved(file_review, decision):
        return FILE_APPROVED
    return "source-checked" if file_review == FILE_APPROVED else file_review
