"""Our tables. Rasa's own tables (the conversations) are Rasa's and are not described here."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def now() -> datetime:
    """The present moment in UTC; every time in the database is UTC."""
    return datetime.now(timezone.utc)


answer_versions = Table(
    "answer_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("medicine", String(100), nullable=False),
    Column("topic", String(50), nullable=False),
    Column("answer_id", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("review", String(30), nullable=False),
    Column("in_force", Boolean, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, default=now),
    UniqueConstraint("medicine", "answer_id", "version"),
    Index("ix_answer_versions_in_force", "medicine", "topic", "in_force"),
)
"""Each answer as it was loaded; a change makes a new row, and old rows stay as they were."""

content_gaps = Table(
    "content_gaps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False),
    Column("medicine", String(200), nullable=False),
    Column("topic", String(50), nullable=False),
    Column("question", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, default=now, index=True),
)
"""Questions that no vetted answer exists for."""

cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False, index=True),
    Column("channel", String(50), nullable=False),
    Column("level", String(20), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("status", String(20), nullable=False, default="open"),
    Column("opened_at", DateTime(timezone=True), nullable=False, default=now, index=True),
)
"""Something that staff must act on."""

case_events = Table(
    "case_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("event", String(30), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, default=now),
)
"""What happened to a case, in order. Rows are only ever added."""
