"""What an examination finds: one line each, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medassist.settings import Settings

OK = "OK"
WARNING = "WARNING"
PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """One line. `about` names what was looked at; `said` what was found and what to do.

    A problem keeps a part from working, or people from help; a warning can wait or be meant so.
    No secret and nothing of a patient is in it.
    """

    kind: str
    about: str
    said: str

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.about}: {' '.join(self.said.split())}"


Check = Callable[[Settings], Iterator[Finding]]
"""Looks at one thing."""


def in_short(error: BaseException) -> str:
    """Why something failed, in a few words without an address or a password."""
    reason = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
