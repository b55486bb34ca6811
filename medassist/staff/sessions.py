"""Open sign-ins. The browser holds a random token; we keep only its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import Engine

from medassist.staff.accounts import utc
from medassist.staff.roles import may
from medassist.storage.tables import accounts, staff_sessions

LONGEST_HOURS = 12
"""After so many hours one signs in again, however busy one was."""

_WRITTEN_EVERY = timedelta(seconds=30)  # a session's use is written this often at most


@dataclass(frozen=True)
class Staff:
    """Who is signed in."""

    name: str
    shown_as: str
    role: str
    csrf_token: str

    def may(self, needed: str) -> bool:
        """Whether they may do what needs the role `needed`."""
        return may(self.role, needed)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)


def begin(engine: Engine, account_id: int, idle_seconds: int) -> str:
    """A new sign-in of this account; returns the token for the cookie (256 random bits)."""
    token = secrets.token_urlsafe(32)
    with engine.begin() as connection:
        connection.execute(delete(staff_sessions).where(_is_over(idle_seconds)))
        connection.execute(
            insert(staff_sessions).values(
                digest=_digest(token),
                account_id=account_id,
                csrf_token=secrets.token_urlsafe(32),
            )
        )
    return token


def _is_over(idle_seconds: int):  # type: ignore[no-untyped-def]
    return or_(
        staff_sessions.c.used_at < _now() - timedelta(seconds=idle_seconds),
        staff_sessions.c.began_at < _now() - timedelta(hours=LONGEST_HOURS),
    )


def current(engine: Engine, token: str, idle_seconds: int, *, use: bool = True) -> Staff | None:
    """Who holds this token, if the sign-in is still good; `use` counts as a sign of life."""
    query = (
        select(
            accounts.c.name,
            accounts.c.shown_as,
            accounts.c.role,
            staff_sessions.c.csrf_token,
            staff_sessions.c.used_at,
        )
        .join(accounts, accounts.c.id == staff_sessions.c.account_id)
        .where(
            staff_sessions.c.digest == _digest(token),
            accounts.c.active.is_(True),
            ~_is_over(idle_seconds),
        )
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    used_at = utc(row.used_at)
    if (
        use
        and used_at is not None
        and used_at < _now() - min(_WRITTEN_EVERY, timedelta(seconds=idle_seconds / 4))
    ):
        with engine.begin() as connection:
            connection.execute(
                update(staff_sessions)
                .where(staff_sessions.c.digest == _digest(token))
                .values(used_at=_now())
            )
    return Staff(row.name, row.shown_as, row.role, row.csrf_token)


def end(engine: Engine, token: str) -> None:
    """Sign out."""
    with engine.begin() as connection:
        connection.execute(delete(staff_sessions).where(staff_sessions.c.digest == _digest(token)))
