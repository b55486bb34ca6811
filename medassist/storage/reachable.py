"""Whether a database answers, asked with a time limit that holds even when it hangs."""

from __future__ import annotations

import threading

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

SECONDS = 2.0
"""How long a database may take to answer."""


class Reachable:
    """Asks one database. At most one question is under way, so that nothing piles up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._answered = False

    def check(self, seconds: float = SECONDS) -> bool:
        """Whether it answers within this time."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._answered = False
                self._asking = threading.Thread(target=self._ask, daemon=True)
                self._asking.start()
            asking = self._asking
        asking.join(seconds)
        return not asking.is_alive() and self._answered

    def _ask(self) -> None:
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            self._answered = True
        except SQLAlchemyError:
            self._answered = False
