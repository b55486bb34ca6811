"""Signing in with a password, and keeping out whoever guesses."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.engine import Engine

from medassist.staff import passwords
from medassist.staff.accounts import tidy_name, utc
from medassist.storage.tables import accounts

TRIES = 5
"""Wrong passwords in a row that lock an account."""

LOCK_MINUTES = 15
LONGEST_LOCK_MINUTES = 24 * 60
"""The first lock's length; each further one is twice as long, up to the longest."""


def lock_minutes(failures: int) -> int:
    """How long an account is locked at this number of wrong passwords in a row (0: not)."""
    if failures == 0 or failures % TRIES:
        return 0
    doublings = min(failures // TRIES - 1, 10)
    return int(min(LOCK_MINUTES * 2**doublings, LONGEST_LOCK_MINUTES))


def check_password(engine: Engine, name: str, password: str) -> int | None:
    """The id of the account that this name and password open; None if they open none.

    Every try counts as wrong before it is checked, so that a hundred at once are a hundred.
    An unknown, disabled or locked account takes as long and gets the same answer.
    """
    name = tidy_name(name)[:100]
    moment = datetime.now(timezone.utc)
    found = None
    with engine.begin() as connection:
        counted = connection.execute(
            update(accounts)
            .where(
                accounts.c.name == name,
                accounts.c.active.is_(True),
                accounts.c.password_hash.is_not(None),
                or_(accounts.c.locked_until.is_(None), accounts.c.locked_until <= moment),
            )
            .values(failed_sign_ins=accounts.c.failed_sign_ins + 1)
        )
        if counted.rowcount:
            found = connection.execute(select(accounts).where(accounts.c.name == name)).one()
            minutes = lock_minutes(found.failed_sign_ins)
            if minutes:
                connection.execute(
                    update(accounts)
                    .where(accounts.c.id == found.id)
                    .values(locked_until=moment + timedelta(minutes=minutes))
                )
    if not passwords.fits(password, found.password_hash if found else None) or found is None:
        return None
    values: dict[str, Any] = {"failed_sign_ins": 0, "locked_until": None}
    if passwords.is_outdated(found.password_hash):
        values["password_hash"] = passwords.hashed(password)
    with engine.begin() as connection:
        connection.execute(update(accounts).where(accounts.c.id == found.id).values(**values))
    return int(found.id)


def is_locked(engine: Engine, name: str) -> bool:
    """Whether wrong passwords keep this account locked at present."""
    with engine.connect() as connection:
        until = utc(
            connection.execute(
                select(accounts.c.locked_until).where(accounts.c.name == tidy_name(name))
            ).scalar()
        )
    return until is not None and until > datetime.now(timezone.utc)


class AddressLimit:
    """Refuses an address after too many failures, before anything costly is done.

    Kept in memory, for at most `most` addresses; an IPv6 address stands for its network of 64
    bits, which is what one household has.
    """

    def __init__(
        self,
        failures: int = 20,
        seconds: float = 900,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._times: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def _source(address: str) -> str:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return address[:64]
        if parsed.version == 6:
            return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
        return str(parsed)

    def _recent(self, source: str) -> list[float]:
        after = self._clock() - self._seconds
        return [at for at in self._times.get(source, []) if at > after]

    def take(self, address: str) -> int:
        """Count a try by this address; how many seconds it must wait instead (0: go ahead)."""
        source = self._source(address)
        with self._lock:
            recent = self._recent(source)
            if len(recent) >= self._failures:
                return max(1, round(recent[0] + self._seconds - self._clock()))
            self._times[source] = [*recent, self._clock()]
            self._times.move_to_end(source)
            while len(self._times) > self._most:
                self._times.popitem(last=False)
        return 0

    def give_back(self, address: str) -> None:
        """The try was right after all."""
        with self._lock:
            times = self._times.get(self._source(address))
            if times:
                times.pop()
