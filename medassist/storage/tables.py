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
    Column("conversation", String(255), nullable=False, index=True),
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
    Column("status", String(20), nullable=False, default="open", index=True),
    Column("opened_at", DateTime(timezone=True), nullable=False, default=now, index=True),
    Column("level_since", DateTime(timezone=True), nullable=False, default=now),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", String(100)),
    Column("alerted_again_at", DateTime(timezone=True)),
    Column("holder", String(100)),
    Column("closed_at", DateTime(timezone=True)),
    Column("outcome", String(40)),
    Column("clinic", String(30), nullable=False, default="", server_default=""),
)
"""Something that staff must act on. `clinic` is the id of the clinic that the conversation is
with; empty in cases from before there were several. `level_since` is when it got its present
level; an acknowledgement is of that level, and a higher one needs a new one. `holder` has claimed
it."""

case_events = Table(
    "case_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("event", String(30), nullable=False),
    Column("account", String(100)),
    Column("detail", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, default=now),
)
"""What happened to a case, in order; `account` is who of the staff did it, if anyone. Rows are
only ever added."""

notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", Integer, ForeignKey("case_events.id"), nullable=False),
    Column("target", String(100), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, default=now),
    Column("next_try_at", DateTime(timezone=True), nullable=False, default=now, index=True),
    Column("tries", Integer, nullable=False, default=0),
    Column("delivered_at", DateTime(timezone=True)),
    Column("given_up_at", DateTime(timezone=True)),
    Column("error", String(300)),
    UniqueConstraint("event_id", "target"),
)
"""The outbox: what staff must be told outside the console, once for each event and target."""

handovers = Table(
    "handovers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False, index=True),
    Column("channel", String(50), nullable=False),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("staff", String(100), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False, default=now),
    Column("used_at", DateTime(timezone=True), nullable=False, default=now),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", String(20)),
)
"""Who of the staff held which conversation, and when. `ended_by` is staff or timeout."""

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("shown_as", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200)),
    Column("subject", String(255), unique=True),
    Column("active", Boolean, nullable=False, default=True),
    Column("failed_sign_ins", Integer, nullable=False, default=0),
    Column("locked_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, default=now),
)
"""Staff who may sign in. `subject` is their name at the clinic's OpenID Connect provider."""

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False, default=now),
    Column("used_at", DateTime(timezone=True), nullable=False, default=now),
)
"""Open sign-ins; the cookie holds what `digest` is the SHA-256 of."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, default=now, index=True),
    Column("account", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("action", String(100), nullable=False),
    Column("object", String(255), nullable=False, default=""),
    Column("outcome", String(20), nullable=False),
    Column("address", String(64), nullable=False, default=""),
)
"""Who of the staff saw and did what. Rows are only ever added."""

answer_reviews = Table(
    "answer_reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version_id", Integer, ForeignKey("answer_versions.id"), nullable=False, index=True),
    Column("decision", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("account", String(100), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, default=now),
)
"""A clinician's decisions about a version of an answer: approved, returned, withdrawn."""

thumbs = Table(
    "thumbs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False),
    Column("message_id", String(120), nullable=False),
    Column("answer_id", String(120), nullable=False, default=""),
    Column("medicine", String(200), nullable=False, default=""),
    Column("topic", String(50), nullable=False, default=""),
    Column("up", Boolean, nullable=False),
    Column("why", String(500), nullable=False, default=""),
    Column("at", DateTime(timezone=True), nullable=False, default=now, index=True),
    UniqueConstraint("conversation", "message_id"),
)
"""What patients thought of a reply, with a word why."""

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False),
    Column("message_id", String(120), nullable=False),
    Column("text", Text, nullable=False),
    Column("intent", String(50), nullable=False),
    Column("account", String(100), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, default=now),
    UniqueConstraint("conversation", "message_id"),
)
"""What staff say that an unsure message was about; exported as examples for review."""

contacts = Table(
    "contacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(255), nullable=False, unique=True),
    Column("channel", String(50), nullable=False),
    Column("line", String(100), nullable=False),
    Column("address", String(255), nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False, default=now),
    Column("heard_at", DateTime(timezone=True)),
    Column("opted_out_at", DateTime(timezone=True)),
    Column("choices", JSON),
    Column("erased_at", DateTime(timezone=True)),
    UniqueConstraint("channel", "line", "address"),
)
"""Who a conversation on a messaging channel is with: `line` is our number or page that they wrote
to, `address` their number or id. The conversation's own name is random and tells neither.
`choices` are the answers that our latest turn offered by number."""

incoming_messages = Table(
    "incoming_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("channel", String(50), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("conversation", String(255), nullable=False, index=True),
    Column("content", JSON),
    Column("received_at", DateTime(timezone=True), nullable=False, default=now),
    Column("tries", Integer, nullable=False, default=0),
    Column("claimed_until", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True)),
    UniqueConstraint("channel", "digest"),
)
"""Messages as a provider handed them over, each once. `digest` is the SHA-256 of the provider's
id. `content` is dropped once the message is dealt with; the row stays, to know a repeat by."""

outgoing_messages = Table(
    "outgoing_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("channel", String(50), nullable=False),
    Column("conversation", String(255), nullable=False, index=True),
    Column("content", JSON),
    Column("created_at", DateTime(timezone=True), nullable=False, default=now),
    Column("next_try_at", DateTime(timezone=True), nullable=False, default=now),
    Column("tries", Integer, nullable=False, default=0),
    Column("claimed_until", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True), index=True),
    Column("provider_id", String(255), index=True),
    Column("error", String(300)),
)
"""Messages on their way to a provider, each one call of its API. `content` is dropped once it is
done; `error` says why one never arrived."""

full_replies = Table(
    "full_replies",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("conversation", String(255), nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False, default=now),
)
"""Replies that a text message has room for in part only; their link has the token."""

erasures = Table(
    "erasures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String(40), nullable=False, unique=True),
    Column("at", DateTime(timezone=True), nullable=False, default=now),
    Column("conversation", String(255), nullable=False, index=True),
    Column("by", String(100), nullable=False),
    Column("counts", JSON, nullable=False),
)
"""Receipts: that a conversation was erased, when, at whose hand, and how many rows of what."""

jobs = Table(
    "jobs",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("claimed_by", String(40)),
    Column("claimed_until", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True)),
)
"""Work done once a day by one of the workers: who has it now, and when it was last done."""
