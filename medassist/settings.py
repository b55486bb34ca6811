"""Every setting, read once from the environment; nothing else in medassist reads `os.environ`.

A missing value takes the embedded default (SQLite, loopback); a bad one raises
`SettingsError` with a line that names its key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medassist.channel_settings import ChannelSettings, read_channels
from medassist.environment import (
    SettingsError,
    count,
    origins,
    port,
    require_together,
    seconds,
    switch,
    web_address,
)
from medassist.scaling_settings import LOOPBACK, ScalingSettings, read_scaling

__all__ = ["LOOPBACK", "ROOT", "Settings", "SettingsError", "load_settings"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Ports are TCP ports of this machine. `database_url` is any SQLAlchemy URL;
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
    action_port: int
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
    scaling: ScalingSettings

    @property
    def front_door_url(self) -> str:
        """Where the front door is (the first, if there are several)."""
        return self.scaling.front_door_urls[0]

    @property
    def rasa_url(self) -> str:
        """Where Rasa is (the first, if there are several)."""
        return self.scaling.rasa_urls[0]

    @property
    def action_url(self) -> str:
        """Where the action server is."""
        return self.scaling.action_url

    @property
    def link_url(self) -> str:
        """What links to our own pages start with; without a public URL they work here only."""
        return self.public_url or self.front_door_url


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (by default the process environment).

    Raises SettingsError when a value cannot be used.
    """
    env = os.environ if environ is None else environ
    var = Path(env.get("MEDASSIST_VAR") or ROOT / "var")
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
    action_port = port(env, "MEDASSIST_ACTION_PORT", 5055)
    return Settings(
        var=var,
        data=Path(env.get("MEDASSIST_DATA") or ROOT / "data"),
        database_url=env.get("MEDASSIST_DATABASE_URL") or f"sqlite:///{var / 'medassist.db'}",
        tracker_database_url=(
            env.get("MEDASSIST_TRACKER_DATABASE_URL") or f"sqlite:///{var / 'conversations.db'}"
        ),
        region=(env.get("MEDASSIST_REGION") or "US").upper(),
        front_door_port=front_door_port,
        rasa_port=rasa_port,
        action_port=action_port,
        internal_secret=env.get("MEDASSIST_INTERNAL_SECRET") or None,
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
        scaling=read_scaling(env, front_door_port, rasa_port, action_port),
    )
