"""Passwords: how they are kept (Argon2id), checked, made and judged."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 200
"""Characters of a password."""

_hasher = PasswordHasher()
_at_once = threading.BoundedSemaphore(2)  # each check takes 64 MiB: a flood must not take it all


@cache
def _nobodys() -> str:
    """A hash that no password fits. Made when first needed: it takes 64 MiB and a moment."""
    return _hasher.hash(secrets.token_urlsafe(32))


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _at_once:
        return _hasher.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether `password` is the one that `kept` is the hash of.

    Takes as long without a hash, so that time does not tell whether an account exists.
    """
    with _at_once:
        try:
            right = _hasher.verify(kept or _nobodys(), password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
    return right and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(kept)


def new_password() -> str:
    """A random password that is easy to read out: four groups of five (about 99 bits)."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def what_is_wrong_with(password: str) -> str | None:
    """Why a password that a person chose cannot be taken, in plain words."""
    if len(password) < SHORTEST:
        return f"A password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"A password may have at most {LONGEST} characters."
    if len(set(password)) < 5:
        return "That password is too easy to guess."
    return None
