"""Every setting, read once from the environment; nothing else in medassist reads `os.environ`.

A missing value takes the embedded default (SQLite, loopback); a bad one raises
`SettingsError` with a line that names its key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
LONGEST_SECONDS = 7 * 24 * 3600


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what to mend."""


@dataclass(frozen=True)
class TwilioSettings:
    """An account at Twilio, and its numbers for SMS and for WhatsApp (E.164, or a short code)."""

    account_sid: str
    auth_token: str = field(repr=False)
    api_url: str
    sms_numbers: tuple[str, ...]
    whatsapp_numbers: tuple[str, ...]


@dataclass(frozen=True)
class TelegramSettings:
    """A bot at Telegram, and the secret that Telegram sends with each update."""

    bot_token: str = field(repr=False)
    secret: str = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class SlackSettings:
    """An app in one Slack workspace."""

    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class MessengerSettings:
    """An app at Meta. `pages` are the Facebook pages it speaks for: page id to access token."""

    pages: Mapping[str, str] = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class GenericSettings:
    """The plain webhook: one secret for both ways, and where replies are posted."""

    secret: str = field(repr=False)
    callback_url: str


@dataclass(frozen=True)
class ChannelSettings:
    """The messaging channels; None is one that is off."""

    twilio: TwilioSettings | None = None
    telegram: TelegramSettings | None = None
    slack: SlackSettings | None = None
    messenger: MessengerSettings | None = None
    generic: GenericSettings | None = None

    @property
    def switched_on(self) -> tuple[str, ...]:
        """The names of the channels that are on; each is also its path below `/webhooks`."""
        on = {
            "sms": self.twilio and self.twilio.sms_numbers,
            "whatsapp": self.twilio and self.twilio.whatsapp_numbers,
            "telegram": self.telegram,
            "slack": self.slack,
            "messenger": self.messenger,
            "generic": self.generic,
        }
        return tuple(name for name, settings in on.items() if settings)


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Ports are TCP ports on loopback. `database_url` is any SQLAlchemy URL;
    `tracker_database_url` is where Rasa keeps the conversations. `public_url` is where people
    reach the front door from outside, without a slash at its end. Times are in seconds.
    What may hold a password is left out of the printed form.
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
    channels: ChannelSettings

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

    @property
    def link_url(self) -> str:
        """What links to our own pages start with; without a public URL they work here only."""
        return self.public_url or self.front_door_url


def _port(environ: Mapping[str, str], key: str, default: int) -> int:
    value = environ.get(key, "")
    if not value:
        return default
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise SettingsError(f"{key} must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


def _switch(environ: Mapping[str, str], key: str, default: bool) -> bool:
    value = environ.get(key, "").strip().lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{key} must be 1 or 0, not {value!r}.")


def _seconds(environ: Mapping[str, str], key: str, default: int) -> int:
    value = environ.get(key, "").strip()
    if not value:
        return default
    if not value.isdecimal() or not 0 < int(value) <= LONGEST_SECONDS:
        raise SettingsError(
            f"{key} must be whole seconds from 1 to {LONGEST_SECONDS} (a week), not {value!r}."
        )
    return int(value)


def _web_address(environ: Mapping[str, str], key: str) -> str | None:
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


def _require_together(given: Mapping[str, object]) -> None:
    """Raise when some of these settings are given and others are not."""
    missing = [key for key, value in given.items() if not value]
    if missing and len(missing) < len(given):
        wanted = " and ".join(key for key, value in given.items() if value)
        raise SettingsError(f"{wanted} also needs {' and '.join(missing)}.")


def _words_of(environ: Mapping[str, str], key: str, form: str, is_like: str) -> tuple[str, ...]:
    """The white-space separated values of a setting, each of which must have a form.

    They may be secrets: a bad one is not repeated.
    """
    values = tuple(dict.fromkeys(environ.get(key, "").split()))
    if any(re.fullmatch(form, value) is None for value in values):
        raise SettingsError(f"{key} must be {is_like}.")
    return values


def _one(environ: Mapping[str, str], key: str, form: str, is_like: str) -> str | None:
    values = _words_of(environ, key, form, is_like)
    if len(values) > 1:
        raise SettingsError(f"{key} must be {is_like}.")
    return values[0] if values else None


def _channels(env: Mapping[str, str], public_url: str | None) -> ChannelSettings:
    """The channels whose settings are there. Raises SettingsError when only some of one's are."""
    number = r"\+[1-9][0-9]{6,14}|[0-9]{5,6}"
    numbers = "phone numbers such as +15550100123, with spaces between them"
    sms = _words_of(env, "MEDASSIST_SMS_NUMBERS", number, numbers)
    whatsapp = _words_of(env, "MEDASSIST_WHATSAPP_NUMBERS", number, numbers)
    account = {
        "MEDASSIST_TWILIO_ACCOUNT_SID": _one(
            env, "MEDASSIST_TWILIO_ACCOUNT_SID", "AC[0-9a-f]{32}",
            "AC and 32 digits or letters from a to f",
        ),
        "MEDASSIST_TWILIO_AUTH_TOKEN": _one(
            env, "MEDASSIST_TWILIO_AUTH_TOKEN", r"\S{16,}", "the account's auth token"
        ),
    }  # fmt: skip
    _require_together(
        {**account, "MEDASSIST_SMS_NUMBERS or MEDASSIST_WHATSAPP_NUMBERS": sms or whatsapp}
    )
    bot = {
        "MEDASSIST_TELEGRAM_BOT_TOKEN": _one(
            env, "MEDASSIST_TELEGRAM_BOT_TOKEN", r"[0-9]+:[\w-]{30,}", "the token from BotFather"
        ),
        "MEDASSIST_TELEGRAM_SECRET": _one(
            env, "MEDASSIST_TELEGRAM_SECRET", r"[A-Za-z0-9_-]{24,256}",
            "24 to 256 letters, digits, _ or -",
        ),
    }  # fmt: skip
    app = {
        "MEDASSIST_SLACK_BOT_TOKEN": _one(
            env, "MEDASSIST_SLACK_BOT_TOKEN", r"xoxb-\S+", "a bot token, which begins with xoxb-"
        ),
        "MEDASSIST_SLACK_SIGNING_SECRET": _one(
            env, "MEDASSIST_SLACK_SIGNING_SECRET", r"\S{16,}", "the app's signing secret"
        ),
    }
    pages = _words_of(
        env, "MEDASSIST_MESSENGER_PAGES", r"[0-9]+:\S+",
        "page ids with their tokens, such as 1029384756:EAAB…, with spaces between them",
    )  # fmt: skip
    meta = {
        "MEDASSIST_MESSENGER_PAGES": pages,
        "MEDASSIST_MESSENGER_APP_SECRET": _one(
            env, "MEDASSIST_MESSENGER_APP_SECRET", r"\S{16,}", "the app's secret"
        ),
        "MEDASSIST_MESSENGER_VERIFY_TOKEN": _one(
            env, "MEDASSIST_MESSENGER_VERIFY_TOKEN", r"\S{16,}", "16 characters or more, no spaces"
        ),
    }
    plain = {
        "MEDASSIST_GENERIC_SECRET": _one(
            env, "MEDASSIST_GENERIC_SECRET", r"\S{32,}", "32 characters or more, no spaces"
        ),
        "MEDASSIST_GENERIC_CALLBACK_URL": _web_address(env, "MEDASSIST_GENERIC_CALLBACK_URL"),
    }
    for together in (bot, app, meta, plain):
        _require_together(together)
    if (sms or whatsapp) and not public_url:
        raise SettingsError("SMS and WhatsApp also need MEDASSIST_PUBLIC_URL: Twilio signs it.")

    def api(key: str, default: str) -> str:
        return _web_address(env, key) or default

    return ChannelSettings(
        twilio=TwilioSettings(
            str(account["MEDASSIST_TWILIO_ACCOUNT_SID"]),
            str(account["MEDASSIST_TWILIO_AUTH_TOKEN"]),
            api("MEDASSIST_TWILIO_API_URL", "https://api.twilio.com"),
            sms,
            whatsapp,
        )
        if all(account.values())
        else None,
        telegram=TelegramSettings(
            str(bot["MEDASSIST_TELEGRAM_BOT_TOKEN"]),
            str(bot["MEDASSIST_TELEGRAM_SECRET"]),
            api("MEDASSIST_TELEGRAM_API_URL", "https://api.telegram.org"),
        )
        if all(bot.values())
        else None,
        slack=SlackSettings(
            str(app["MEDASSIST_SLACK_BOT_TOKEN"]),
            str(app["MEDASSIST_SLACK_SIGNING_SECRET"]),
            api("MEDASSIST_SLACK_API_URL", "https://slack.com/api"),
        )
        if all(app.values())
        else None,
        messenger=MessengerSettings(
            {page.partition(":")[0]: page.partition(":")[2] for page in pages},
            str(meta["MEDASSIST_MESSENGER_APP_SECRET"]),
            str(meta["MEDASSIST_MESSENGER_VERIFY_TOKEN"]),
            api("MEDASSIST_MESSENGER_API_URL", "https://graph.facebook.com/v19.0"),
        )
        if all(meta.values())
        else None,
        generic=GenericSettings(
            str(plain["MEDASSIST_GENERIC_SECRET"]), str(plain["MEDASSIST_GENERIC_CALLBACK_URL"])
        )
        if all(plain.values())
        else None,
    )


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (by default the process environment).

    Raises SettingsError when a value cannot be used.
    """
    env = os.environ if environ is None else environ
    var = Path(env.get("MEDASSIST_VAR") or ROOT / "var")
    public_url = _web_address(env, "MEDASSIST_PUBLIC_URL")
    webhook = {
        "MEDASSIST_ALERT_WEBHOOK_URL": _web_address(env, "MEDASSIST_ALERT_WEBHOOK_URL"),
        "MEDASSIST_ALERT_WEBHOOK_SECRET": env.get("MEDASSIST_ALERT_WEBHOOK_SECRET") or None,
    }
    provider = {
        "MEDASSIST_OIDC_ISSUER": _web_address(env, "MEDASSIST_OIDC_ISSUER"),
        "MEDASSIST_OIDC_CLIENT_ID": env.get("MEDASSIST_OIDC_CLIENT_ID") or None,
        "MEDASSIST_OIDC_CLIENT_SECRET": env.get("MEDASSIST_OIDC_CLIENT_SECRET") or None,
    }
    _require_together(webhook)
    _require_together(provider)
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
        public_url=public_url,
        alert_urls=tuple(dict.fromkeys(env.get("MEDASSIST_ALERT_URLS", "").split())),
        alert_webhook_url=webhook["MEDASSIST_ALERT_WEBHOOK_URL"],
        alert_webhook_secret=webhook["MEDASSIST_ALERT_WEBHOOK_SECRET"],
        alert_with_words=_switch(env, "MEDASSIST_ALERT_WITH_WORDS", False),
        acknowledge_seconds=_seconds(env, "MEDASSIST_ACKNOWLEDGE_SECONDS", 300),
        handover_idle_seconds=_seconds(env, "MEDASSIST_HANDOVER_IDLE_SECONDS", 1800),
        require_approval=_switch(env, "MEDASSIST_REQUIRE_APPROVAL", False),
        session_idle_seconds=_seconds(env, "MEDASSIST_SESSION_IDLE_SECONDS", 1800),
        cookie_secure=_switch(
            env, "MEDASSIST_COOKIE_SECURE", bool(public_url and public_url.startswith("https:"))
        ),
        oidc_issuer=provider["MEDASSIST_OIDC_ISSUER"],
        oidc_client_id=provider["MEDASSIST_OIDC_CLIENT_ID"],
        oidc_client_secret=provider["MEDASSIST_OIDC_CLIENT_SECRET"],
        channels=_channels(env, public_url),
    )
