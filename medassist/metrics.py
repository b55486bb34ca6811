"""What is measured, under which names; each part serves its own at `/metrics`.

No label holds a name, a number, a conversation or words: each takes one of a few known values.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The media type of what is served."""

disable_created_metrics()  # when a counter began: a second line for each, of use to nobody

PARTS = ("front-door", "rasa", "actions", "alerts")
"""The values of the label `part`."""

CHANNELS = (
    "website", "rest", "sms", "whatsapp", "telegram", "slack", "messenger", "generic", "other",
)  # fmt: skip
"""The values of the label `channel`. A program may name any channel it likes: that is `other`."""

LEVELS = ("emergency", "urgent", "routine")
"""The values of the label `level`, the most dangerous first."""

STEPS = ("recognise", "encode", "classify", "triage", "action", "reply")
"""The values of the label `step`: the names of medicines, the sentence encoder, the topic, how
dangerous it is, one action, and the whole of a turn with all of these."""

_STEP_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
)  # fmt: skip
_ACKNOWLEDGE_BUCKETS = (15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 14400, 86400)

MESSAGES = Counter("medassist_messages", "Messages of people, by channel.", ["channel"])
REPLIES = Counter("medassist_replies", "Messages to people, by channel.", ["channel"])
STEP_SECONDS = Histogram(
    "medassist_step_seconds",
    "How long each step of a turn took, in seconds; `reply` is the whole turn.",
    ["step"],
    buckets=_STEP_BUCKETS,
)
MESSAGE_LEVELS = Counter("medassist_level", "Messages by triage's level.", ["level"])
FALLBACKS = Counter("medassist_fallback", "Messages that were not understood.")
ACKNOWLEDGE_SECONDS = Histogram(
    "medassist_acknowledge_seconds",
    "How long a case waited until staff acknowledged its level, in seconds.",
    ["level"],
    buckets=_ACKNOWLEDGE_BUCKETS,
)
ERRORS = Counter("medassist_errors", "Errors in the log of a part.", ["part"])


def channel_label(name: str | None) -> str:
    """The label of a channel."""
    return name if name in CHANNELS else "other"


def is_allowed(token: str | None, authorization: str | None) -> bool:
    """Whether the header `Authorization` holds the token; nobody is allowed without a token."""
    given = (authorization or "").encode(errors="surrogatepass")
    return bool(token) and hmac.compare_digest(f"Bearer {token}".encode(), given)


def exposition(collectors: Iterable[Collector] = ()) -> bytes:
    """All that this process has measured, and what these read now, in Prometheus's text format."""
    now = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        now.register(collector)
    return generate_latest(REGISTRY) + generate_latest(now)
