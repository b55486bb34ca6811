"""The staff's accounts: adding one, its role, its password, and taking it away."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from medassist.staff import passwords
from medassist.staff.roles import ROLES
from medassist.storage.tables import accounts, staff_sessions

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


class AccountError(Exception):
    """Something that cannot be done with an account; the message is one plain line."""


@dataclass(frozen=True)
class Account:
    """One of the staff. `shown_as` is what patients and colleagues see."""

    id: int
    name: str
    shown_as: str
    role: str
    active: bool
    has_password: bool
    subject: str | None
    locked_until: datetime | None
    created_at: datetime

    @property
    def is_locked(self) -> bool:
        """Whether too many wrong passwords keep it locked at present."""
        return self.locked_until is not None and self.locked_until > datetime.now(timezone.utc)


def utc(at: datetime | None) -> datetime | None:
    """A time of the database as UTC; SQLite gives it back without a zone."""
    return at.replace(tzinfo=timezone.utc) if at is not None and at.tzinfo is None else at


def _account(row: Row) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        shown_as=row.shown_as,
        role=row.role,
        active=row.active,
        has_password=row.password_hash is not None,
        subject=row.subject,
        locked_until=utc(row.locked_until),
        created_at=utc(row.created_at) or datetime.now(timezone.utc),
    )


def tidy_name(name: str) -> str:
    """An account's name as it is kept: small letters, no white space around."""
    return name.strip().lower()


def add_account(
    engine: Engine, name: str, role: str, *, shown_as: str = "", password: str | None = None
) -> Account:
    """A new account. Without a password it can only sign in through the clinic's provider.

    Raises AccountError for a name that is taken or cannot be used, an unknown role, or a
    password that is too weak.
    """
    name = tidy_name(name)
    if not _NAME.fullmatch(name):
        raise AccountError(
            "An account's name has letters a to z, digits and . _ @ + - only, 100 at most."
        )
    _require_role(role)
    if password is not None:
        _require_good(password)
    try:
        with engine.begin() as connection:
            connection.execute(
                insert(accounts).values(
                    name=name,
                    shown_as=shown_as.strip()[:100] or name,
                    role=role,
                    password_hash=passwords.hashed(password) if password is not None else None,
                    active=True,
                    failed_sign_ins=0,
                )
            )
    except IntegrityError:
        raise AccountError(f"There is an account named {name!r} already.") from None
    return find_account(engine, name)


def find_account(engine: Engine, name: str) -> Account:
    """The account with this name. Raises AccountError when there is none."""
    with engine.connect() as connection:
        row = connection.execute(select(accounts).where(accounts.c.name == tidy_name(name))).first()
    if row is None:
        raise AccountError(f"There is no account named {tidy_name(name)!r}.")
    return _account(row)


def all_accounts(engine: Engine) -> list[Account]:
    """Every account, by name."""
    with engine.connect() as connection:
        return [_account(row) for row in connection.execute(select(accounts).order_by("name"))]


def is_empty(engine: Engine) -> bool:
    """Whether nobody has an account yet."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(accounts)).scalar() == 0


def change_role(engine: Engine, name: str, role: str) -> None:
    """Give an account another role. Raises AccountError; the last administrator stays one."""
    _require_role(role)
    _change(engine, name, keep_an_admin=role != "admin", role=role)


def change_shown_name(engine: Engine, name: str, shown_as: str) -> None:
    """How patients and colleagues see this account's owner. Raises AccountError."""
    shown_as = " ".join(shown_as.split())[:100]
    if not shown_as:
        raise AccountError("Please give the name that patients will see.")
    _change(engine, name, shown_as=shown_as)


def disable(engine: Engine, name: str) -> None:
    """Keep an account's owner out, at once. Raises AccountError for the last administrator."""
    _change(engine, name, keep_an_admin=True, sign_out=True, active=False)


def enable(engine: Engine, name: str) -> None:
    """Let an account's owner in again. Raises AccountError."""
    _change(engine, name, active=True)


def unlock(engine: Engine, name: str) -> None:
    """Forget an account's wrong passwords. Raises AccountError."""
    _change(engine, name, failed_sign_ins=0, locked_until=None)


def drop_password(engine: Engine, name: str) -> None:
    """From now on an account opens through the clinic's provider only. Raises AccountError."""
    _change(engine, name, sign_out=True, password_hash=None, failed_sign_ins=0, locked_until=None)


def account_at_provider(engine: Engine, issuer: str, subject: str, names: list[str]) -> int | None:
    """The id of the account of this person at the clinic's provider; None when there is none.

    Known by `subject`. The first time, by one of `names`, and only if an administrator made
    the account without a password for this: a name at the provider, which people can often
    choose, must never open an account that a password guards.
    """
    known = hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()
    with engine.begin() as connection:
        found = connection.execute(select(accounts).where(accounts.c.subject == known)).first()
        if found is not None:
            return int(found.id) if found.active else None
        for name in names:
            own = (
                accounts.c.name == tidy_name(name),
                accounts.c.subject.is_(None),
                accounts.c.password_hash.is_(None),
                accounts.c.active.is_(True),
            )
            if connection.execute(update(accounts).where(*own).values(subject=known)).rowcount:
                return connection.execute(
                    select(accounts.c.id).where(accounts.c.subject == known)
                ).scalar()
    return None


def forget_provider(engine: Engine, name: str) -> None:
    """Cut an account's tie to the clinic's provider; the next sign-in there ties it anew."""
    _change(engine, name, sign_out=True, subject=None)


def set_password(engine: Engine, name: str, password: str) -> None:
    """A new password; unlocks the account and ends all its sign-ins. Raises AccountError."""
    _require_good(password)
    _change(
        engine,
        name,
        sign_out=True,
        password_hash=passwords.hashed(password),
        failed_sign_ins=0,
        locked_until=None,
    )


def is_password_of(engine: Engine, name: str, password: str) -> bool:
    """Whether this is the account's present password."""
    with engine.connect() as connection:
        kept = connection.execute(
            select(accounts.c.password_hash).where(accounts.c.name == tidy_name(name))
        ).scalar()
    return passwords.fits(password, kept)


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise AccountError(f"A role is one of {', '.join(ROLES)}, not {role!r}.")


def _require_good(password: str) -> None:
    wrong = passwords.what_is_wrong_with(password)
    if wrong:
        raise AccountError(wrong)


def _change(
    engine: Engine,
    name: str,
    *,
    keep_an_admin: bool = False,
    sign_out: bool = False,
    **values: Any,
) -> None:
    with engine.begin() as connection:
        changed = connection.execute(
            update(accounts).where(accounts.c.name == tidy_name(name)).values(**values)
        )
        if not changed.rowcount:
            raise AccountError(f"There is no account named {tidy_name(name)!r}.")
        if keep_an_admin and not _has_admin(connection):  # raising undoes the change
            raise AccountError("This is the last administrator. Make another one first.")
        if sign_out:
            owner = select(accounts.c.id).where(accounts.c.name == tidy_name(name))
            connection.execute(delete(staff_sessions).where(staff_sessions.c.account_id.in_(owner)))


def _has_admin(connection: Connection) -> bool:
    query = select(accounts.c.id).where(accounts.c.role == "admin", accounts.c.active.is_(True))
    return connection.execute(query.with_for_update()).first() is not None
