"""Reading single values of the environment: each has a form, and a bad one is one plain line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

LONGEST_SECONDS = 7 * 24 * 3600


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what to mend."""


_IN_A_FILE = re.compile(r"(MEDASSIST_[A-Z0-9_]+)_FILE")
LARGEST_FILE = 64 * 1024
"""Bytes of a file that holds one setting."""


def with_files(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with each `MEDASSIST_…_FILE` replaced by what its file holds.

    This is how containers hand over secrets. White space at the file's ends does not count.
    Raises SettingsError, without the content, when a file cannot be used, or holds something
    else than a variable of the same name that is set too.
    """
    named = named_files(environ)
    if not named:
        return environ
    complete = {key: value for key, value in environ.items() if key not in named}
    for key, file in sorted(named.items()):
        plain = key.removesuffix("_FILE")
        content = _content(key, file)
        if complete.get(plain, content) not in ("", content):
            raise SettingsError(f"{plain} and {key} are both set and differ. Keep one of them.")
        complete[plain] = content
    return complete


def named_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """The files that hold settings, by the variable that names each."""
    return {
        key: Path(value) for key, value in environ.items() if value and _IN_A_FILE.fullmatch(key)
    }


def _content(key: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
        if len(content) <= LARGEST_FILE:
            text = content.decode("utf-8").strip()
            if text:
                return text
        reason = "it is empty" if len(content) <= LARGEST_FILE else "it is too large for a setting"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
    raise SettingsError(f"{key} names the file {file}, which cannot be used: {reason}.")


def port(environ: Mapping[str, str], key: str, default: int) -> int:
    """A TCP port. Raises SettingsError."""
    value = environ.get(key, "")
    if not value:
        return default
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise SettingsError(f"{key} must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


def switch(environ: Mapping[str, str], key: str, default: bool) -> bool:
    """Yes or no: 1 or 0, or a word for it. Raises SettingsError."""
    value = environ.get(key, "").strip().lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{key} must be 1 or 0, not {value!r}.")


def seconds(environ: Mapping[str, str], key: str, default: int) -> int:
    """Whole seconds, at most a week. Raises SettingsError."""
    value = environ.get(key, "").strip()
    if not value:
        return default
    if not value.isdecimal() or not 0 < int(value) <= LONGEST_SECONDS:
        raise SettingsError(
            f"{key} must be whole seconds from 1 to {LONGEST_SECONDS} (a week), not {value!r}."
        )
    return int(value)


def web_address(environ: Mapping[str, str], key: str) -> str | None:
    """An http or https URL without a slash at its end. It may hold a key: it is not repeated."""
    value = environ.get(key, "").strip()
    if not value:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in value):
        raise SettingsError(f"{key} must be an address that starts with https:// or http://.")
    return value.rstrip("/")


def require_together(given: Mapping[str, object]) -> None:
    """Raise when some of these settings are given and others are not."""
    missing = [key for key, value in given.items() if not value]
    if missing and len(missing) < len(given):
        wanted = " and ".join(key for key, value in given.items() if value)
        raise SettingsError(f"{wanted} also needs {' and '.join(missing)}.")


_ORIGIN = re.compile(
    r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::[0-9]{1,5})?"
)


def origins(environ: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Websites by scheme and host, with white space between them. Raises SettingsError."""
    origins = tuple(word.lower() for word in environ.get(key, "").split())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{key} must list websites such as https://clinic.example, separated by spaces "
                f"and without a path, not {origin!r}."
            )
    return origins


def count(environ: Mapping[str, str], key: str, default: int) -> int:
    """A whole number from 1. Raises SettingsError."""
    value = environ.get(key, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise SettingsError(f"{key} must be a whole number from 1, not {value!r}.")
    return int(value)


def words_of(environ: Mapping[str, str], key: str, form: str, is_like: str) -> tuple[str, ...]:
    """The white-space separated values of a setting, each of which must have a form.

    They may be secrets: a bad one is not repeated.
    """
    values = tuple(dict.fromkeys(environ.get(key, "").split()))
    if any(re.fullmatch(form, value) is None for value in values):
        raise SettingsError(f"{key} must be {is_like}.")
    return values


def only_one(environ: Mapping[str, str], key: str, form: str, is_like: str) -> str | None:
    """One value that has a form, or None. A bad one, which may be a secret, is not repeated."""
    values = words_of(environ, key, form, is_like)
    if len(values) > 1:
        raise SettingsError(f"{key} must be {is_like}.")
    return values[0] if values else None
