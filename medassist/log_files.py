"""The log files of `medassist run`: bounded in size, and gone when they are old."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

MOST_BYTES = 20_000_000
"""A log that has grown to this is put aside."""

KEPT = 5
"""Logs of each name that are kept, beside the one in use."""

EVERY_SECONDS = 5.0

_STAMP = "%Y%m%dT%H%M%S%fZ"


class LogFiles:
    """Puts logs aside when a day (UTC) is over or they have grown too big, and removes old ones.

    The servers go on writing to the same file, at its end: it is copied and emptied. A line that
    is written at that very moment can get lost.
    """

    def __init__(self, logs: Sequence[Path], keep_days: int, most_bytes: int = MOST_BYTES) -> None:
        self._logs = list(dict.fromkeys(logs))
        self._keep = timedelta(days=keep_days)
        self._most_bytes = most_bytes
        self._days = {log: _day_of(log) for log in self._logs}
        self._next = 0.0

    def tidy(self) -> None:
        """Do what there is to do; cheap enough to be called twice a second."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self.tidy_at(datetime.now(timezone.utc))

    def tidy_at(self, at: datetime) -> None:
        """The same at once, as of this moment."""
        for log in self._logs:
            size = log.stat().st_size if log.exists() else 0
            day_is_over = self._days[log] not in (None, at.date())
            if size and (size > self._most_bytes or day_is_over):
                _put_aside(log, at)
            self._days[log] = at.date()
            self._remove_old(log, at)

    def _remove_old(self, log: Path, at: datetime) -> None:
        aside = sorted(log.parent.glob(f"{log.name}.*Z"))
        for path in aside:
            written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
            if path in aside[:-KEPT] or at - written > self._keep:
                path.unlink(missing_ok=True)


def _day_of(log: Path) -> object:
    """The day of the last line of a log that an earlier run has left, None for none."""
    try:
        return datetime.fromtimestamp(log.stat().st_mtime, timezone.utc).date()
    except FileNotFoundError:
        return None


def _put_aside(log: Path, at: datetime) -> None:
    target = log.with_name(f"{log.name}.{at.strftime(_STAMP)}")
    try:
        shutil.copy2(log, target)  # with its time: that of its last line
    except OSError:  # the disk is full: lines that are lost do less harm than that
        target.unlink(missing_ok=True)
    os.truncate(log, 0)
