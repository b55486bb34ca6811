"""How much the front door takes, as uvicorn is told when it starts."""

from __future__ import annotations

LARGEST_HEAD = 32 * 1024
"""Bytes of a request's line and headers."""

MOST_CONNECTIONS = 4_000
"""Open at once, streams too; further ones are told to come back."""

UVICORN_LIMITS = (
    "--http", "medassist.web.patience:PatientProtocol",
    "--h11-max-incomplete-event-size", str(LARGEST_HEAD),
    "--limit-concurrency", str(MOST_CONNECTIONS),
    "--timeout-keep-alive", "5",
    "--no-server-header",
)  # fmt: skip
"""For uvicorn's command line. (Its faster parser, httptools, has no limit for headers.)"""
