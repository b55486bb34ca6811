"""Work that one of several workers does once a day. Whoever has it keeps a claim in the database.

A worker that dies loses its claim by itself; another then goes on.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from medassist.storage.tables import jobs, now

CLAIM_SECONDS = 120
"""How long a claim holds that nobody prolongs."""

EVERY = timedelta(days=1)


class Claim:
    """The right to do a job now."""

    def __init__(self, engine: Engine, name: str, holder: str) -> None:
        self._engine, self._name, self._holder = engine, name, holder

    def keep(self, at: datetime | None = None) -> bool:
        """Prolong it; False when it ran out and another worker has the job."""
        return self._set(claimed_until=(at or now()) + timedelta(seconds=CLAIM_SECONDS))

    def done(self, at: datetime | None = None) -> bool:
        """The job is done until tomorrow."""
        return self._set(claimed_by=None, claimed_until=None, done_at=at or now())

    def give_back(self) -> bool:
        """The job is not done: whoever comes next may take it at once."""
        return self._set(claimed_by=None, claimed_until=None)

    def _set(self, **values: object) -> bool:
        mine = (jobs.c.name == self._name, jobs.c.claimed_by == self._holder)
        with self._engine.begin() as connection:
            return bool(connection.execute(update(jobs).where(*mine).values(**values)).rowcount)


def claim(engine: Engine, name: str, at: datetime | None = None) -> Claim | None:
    """Take a job that is due and that nobody has; None otherwise."""
    at, holder = at or now(), secrets.token_hex(16)
    with engine.connect() as connection:
        known = connection.execute(select(jobs.c.name).where(jobs.c.name == name)).first()
    if known is None:
        try:
            with engine.begin() as connection:
                connection.execute(insert(jobs).values(name=name))
        except IntegrityError:  # another worker did so at the same moment
            pass
    due = update(jobs).where(
        jobs.c.name == name,
        or_(jobs.c.done_at.is_(None), jobs.c.done_at <= at - EVERY),
        or_(jobs.c.claimed_until.is_(None), jobs.c.claimed_until < at),
    )
    until = at + timedelta(seconds=CLAIM_SECONDS)
    with engine.begin() as connection:
        taken = connection.execute(due.values(claimed_by=holder, claimed_until=until)).rowcount
    return Claim(engine, name, holder) if taken else None
