"""Every setting, read once from the environment; nothing else in medassist reads `os.environ`.

A missing value takes the embedded default (SQLite, loopback); a bad one raises
`SettingsError` with a line that names its key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what to mend."""


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Ports are TCP ports on loopback. `database_url` is any SQLAlchemy URL;
    `tracker_database_url` is where Rasa keeps the conversations. `embed_origins` are the websites
    that may use the chat's widget; `new_conversations` how many one address may begin in ten
    minutes.
    """

    var: Path
    data: Path
    database_url: str
    tracker_database_url: str
    region: str
    front_door_port: int
    rasa_port: int
    action_port: int
    internal_secret: str | None
    embed_origins: tuple[str, ...]
    new_conversations: int

    @property
    def front_door_url(self) -> str:
        """Where the front door listens."""
        return f"http://{LOOPBACK}:{self.front_door_port}"

    @property
    def rasa_url(self) -> str:
        """Where Rasa listens."""
        return f"http://{LOOPBACK}:{self.rasa_port}"

    @property
    def action_url(self) -> str:
        """Where the action server listens."""
        return f"http://{LOOPBACK}:{self.action_port}"


def _port(environ: Mapping[str, str], key: str, default: int) -> int:
    value = environ.get(key, "")
    if not value:
        return default
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise SettingsError(f"{key} must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


_ORIGIN = re.compile(
    r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::[0-9]{1,5})?"
)


def _origins(environ: Mapping[str, str], key: str) -> tuple[str, ...]:
    origins = tuple(word.lower() for word in environ.get(key, "").split())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{key} must list websites such as https://clinic.example, separated by spaces "
                f"and without a path, not {origin!r}."
            )
    return origins


def _count(environ: Mapping[str, str], key: str, default: int) -> int:
    value = environ.get(key, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise SettingsError(f"{key} must be a whole number from 1, not {value!r}.")
    return int(value)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (by default the process environment).

    Raises SettingsError when a value cannot be used.
    """
    env = os.environ if environ is None else environ
    var = Path(env.get("MEDASSIST_VAR") or ROOT / "var")
    return Settings(
        var=var,
        data=Path(env.get("MEDASSIST_DATA") or ROOT / "data"),
        database_url=env.get("MEDASSIST_DATABASE_URL") or f"sqlite:///{var / 'medassist.db'}",
        tracker_database_url=(
            env.get("MEDASSIST_TRACKER_DATABASE_URL") or f"sqlite:///{var / 'conversations.db'}"
        ),
        region=(env.get("MEDASSIST_REGION") or "US").upper(),
        front_door_port=_port(env, "MEDASSIST_PORT", 8000),
        rasa_port=_port(env, "MEDASSIST_RASA_PORT", 5005),
        action_port=_port(env, "MEDASSIST_ACTION_PORT", 5055),
        internal_secret=env.get("MEDASSIST_INTERNAL_SECRET") or None,
        embed_origins=_origins(env, "MEDASSIST_EMBED_ORIGINS"),
        new_conversations=_count(env, "MEDASSIST_NEW_CONVERSATIONS", 30),
    )
