"""Every setting, read once from the environment; nothing else in medassist reads `os.environ`.

A missing value takes the embedded default (SQLite, loopback); a bad one raises
`SettingsError` with a line that names its key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from medassist.channel_settings import ChannelSettings, read_channels
from medassist.environment import (
    SettingsError,
    count,
    named_files,
    only_one,
    origins,
    port,
    require_together,
    seconds,
    switch,
    web_address,
    with_files,
)
from medassist.operations_settings import OperationsSettings, read_operations
from medassist.privacy_settings import PrivacySettings, read_privacy
from medassist.scaling_settings import LOOPBACK, ScalingSettings, read_scaling

__all__ = [
    "LOOPBACK",
    "ROOT",
    "Settings",
    "SettingsError",
    "files_of_settings",
    "load_settings",
    "unknown_settings",
]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Ports are TCP ports of this machine; without an `action_port` it has no action server.
    `database_url` is any SQLAlchemy URL;
    `tracker_database_url` is where Rasa keeps the conversations. `consent_channels` are
    those where a person agrees before the first ordinary answer. `public_url` is where people
    reach the front door from outside, without a slash at its end. Times are in seconds.
    What may hold a password is left out of the printed form.
    `embed_origins` are the websites that may use the chat's widget; `new_conversations` how many
    one address may begin in ten minutes.
    """

    var: Path
    data: Path
    database_url: str
    tracker_database_url: str
    region: str
    front_door_port: int
    rasa_port: int
    action_port: int | None
    internal_secret: str | None = field(repr=False)
    consent_channels: frozenset[str]
    public_url: str | None
    alert_urls: tuple[str, ...] = field(repr=False)
    alert_webhook_url: str | None = field(repr=False)
    alert_webhook_secret: str | None = field(repr=False)
    alert_with_words: bool
    acknowledge_seconds: int
    handover_idle_seconds: int
    require_approval: bool
    session_idle_seconds: int
    cookie_secure: bool
    oidc_issuer: str | None
    oidc_client_id: str | None
    oidc_client_secret: str | None = field(repr=False)
    embed_origins: tuple[str, ...]
    new_conversations: int
    channels: ChannelSettings
    operations: OperationsSettings
    scaling: ScalingSettings
    privacy: PrivacySettings

    @property
    def front_door_url(self) -> str:
        """Where the front door is (the first, if there are several)."""
        return self.scaling.front_door_urls[0]

    @property
    def rasa_url(self) -> str:
        """Where Rasa is (the first, if there are several)."""
        return self.scaling.rasa_urls[0]

    @property
    def action_url(self) -> str | None:
        """Where the action server is; None when Rasa runs the actions itself."""
        return self.scaling.action_url

    @property
    def link_url(self) -> str:
        """What links to our own pages start with; without a public URL they work here only."""
        return self.public_url or self.front_door_url


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (by default the process environment).

    Any of them may be in a file that `MEDASSIST_…_FILE` names. Raises SettingsError when a
    value cannot be used.
    """
    env = with_files(os.environ if environ is None else environ)
    var = Path(env.get("MEDASSIST_VAR") or ROOT / "var").absolute()
    public_url = web_address(env, "MEDASSIST_PUBLIC_URL")
    webhook = {
        "MEDASSIST_ALERT_WEBHOOK_URL": web_address(env, "MEDASSIST_ALERT_WEBHOOK_URL"),
        "MEDASSIST_ALERT_WEBHOOK_SECRET": env.get("MEDASSIST_ALERT_WEBHOOK_SECRET") or None,
    }
    provider = {
        "MEDASSIST_OIDC_ISSUER": web_address(env, "MEDASSIST_OIDC_ISSUER"),
        "MEDASSIST_OIDC_CLIENT_ID": env.get("MEDASSIST_OIDC_CLIENT_ID") or None,
        "MEDASSIST_OIDC_CLIENT_SECRET": env.get("MEDASSIST_OIDC_CLIENT_SECRET") or None,
    }
    require_together(webhook)
    require_together(provider)
    front_door_port = port(env, "MEDASSIST_PORT", 8000)
    rasa_port = port(env, "MEDASSIST_RASA_PORT", 5005)
    action_port = port(env, "MEDASSIST_ACTION_PORT", 0) or None
    return Settings(
        var=var,
        data=Path(env.get("MEDASSIST_DATA") or ROOT / "data").absolute(),
        database_url=env.get("MEDASSIST_DATABASE_URL") or f"sqlite:///{var / 'medassist.db'}",
        tracker_database_url=(
            env.get("MEDASSIST_TRACKER_DATABASE_URL") or f"sqlite:///{var / 'conversations.db'}"
        ),
        region=(env.get("MEDASSIST_REGION") or "US").upper(),
        front_door_port=front_door_port,
        rasa_port=rasa_port,
        action_port=action_port,
        internal_secret=only_one(
            env,
            "MEDASSIST_INTERNAL_SECRET",
            r"[!-~]{16,200}",
            "16 characters or more: letters, digits and signs, no spaces",
        ),
        consent_channels=frozenset((env.get("MEDASSIST_CONSENT_CHANNELS") or "website").split()),
        public_url=public_url,
        alert_urls=tuple(dict.fromkeys(env.get("MEDASSIST_ALERT_URLS", "").split())),
        alert_webhook_url=webhook["MEDASSIST_ALERT_WEBHOOK_URL"],
        alert_webhook_secret=webhook["MEDASSIST_ALERT_WEBHOOK_SECRET"],
        alert_with_words=switch(env, "MEDASSIST_ALERT_WITH_WORDS", False),
        acknowledge_seconds=seconds(env, "MEDASSIST_ACKNOWLEDGE_SECONDS", 300),
        handover_idle_seconds=seconds(env, "MEDASSIST_HANDOVER_IDLE_SECONDS", 1800),
        require_approval=switch(env, "MEDASSIST_REQUIRE_APPROVAL", False),
        session_idle_seconds=seconds(env, "MEDASSIST_SESSION_IDLE_SECONDS", 1800),
        cookie_secure=switch(
            env, "MEDASSIST_COOKIE_SECURE", bool(public_url and public_url.startswith("https:"))
        ),
        oidc_issuer=provider["MEDASSIST_OIDC_ISSUER"],
        oidc_client_id=provider["MEDASSIST_OIDC_CLIENT_ID"],
        oidc_client_secret=provider["MEDASSIST_OIDC_CLIENT_SECRET"],
        embed_origins=origins(env, "MEDASSIST_EMBED_ORIGINS"),
        new_conversations=count(env, "MEDASSIST_NEW_CONVERSATIONS", 120),
        channels=read_channels(env, public_url),
        operations=read_operations(env),
        scaling=read_scaling(env, front_door_port, rasa_port, action_port),
        privacy=read_privacy(env),
    )


def files_of_settings(environ: Mapping[str, str] | None = None) -> dict[str, Path]:
    """The files that hold settings, by the variable that names each."""
    return named_files(os.environ if environ is None else environ)


_OF_OTHERS = ("PYTHON", "TEST_", "VERSION")
"""What names begin with, after our own, that scripts/setup, tests and the Compose file read."""


def unknown_settings(environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Variables that look like ours and that nothing reads, with the one that may be meant."""
    env = os.environ if environ is None else environ
    asked = _Asked()
    load_settings(asked)
    unknown = [
        key
        for key in env
        if key.startswith("MEDASSIST_")
        and not key.removeprefix("MEDASSIST_").startswith(_OF_OTHERS)
        and key not in asked.keys_read
        and key.removesuffix("_FILE") not in asked.keys_read
    ]
    return {
        key: next(iter(get_close_matches(key, asked.keys_read, 1, 0.85)), None) for key in unknown
    }


class _Asked(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_read.add(key)
        return default
