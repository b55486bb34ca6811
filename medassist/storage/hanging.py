"""A PostgreSQL that takes a question and never answers must not be waited for without an end.

Its own time limits are kept by the server, so they are no help when the server hangs, or when the
network swallows the answer. The driver waits by this function, in every thread and process.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SILENT_SECONDS = 10.0
"""How long an answer may take. A statement of ours takes milliseconds."""


def give_up_on_a_silent_server(seconds: float = SILENT_SECONDS) -> None:
    """Let statements fail (OperationalError) when the server is silent for so long."""
    import psycopg2
    from psycopg2.extensions import POLL_OK, POLL_READ, set_wait_callback

    def wait(connection: Any) -> None:
        while True:
            state = connection.poll()
            if state == POLL_OK:
                return
            waiting = select.poll()  # not select(): that ends at the 1024th file
            kind = select.POLLIN if state == POLL_READ else select.POLLOUT
            waiting.register(connection.fileno(), kind)
            if not waiting.poll(seconds * 1000):
                raise psycopg2.OperationalError("The database does not answer.")

    set_wait_callback(wait)


@contextmanager
def patiently() -> Iterator[None]:
    """Wait for as long as it takes, in this process: changing a large table takes a while."""
    import psycopg2.extensions

    psycopg2.extensions.set_wait_callback(None)
    try:
        yield
    finally:
        give_up_on_a_silent_server()
