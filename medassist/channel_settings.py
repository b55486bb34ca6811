"""The settings of the messaging channels: one is on when all of its own are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medassist.environment import (
    SettingsError,
    only_one,
    require_together,
    web_address,
    words_of,
)


@dataclass(frozen=True)
class TwilioSettings:
    """An account at Twilio, and its numbers for SMS and for WhatsApp (E.164, or a short code).

    `two_buttons` and `write_back` are content SIDs of WhatsApp templates made at Twilio.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    api_url: str
    sms_numbers: tuple[str, ...]
    whatsapp_numbers: tuple[str, ...]
    two_buttons: str | None = None
    write_back: str | None = None


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


def read_channels(env: Mapping[str, str], public_url: str | None) -> ChannelSettings:
    """The channels whose settings are there. Raises SettingsError when only some of one's are."""
    number = r"\+[1-9][0-9]{6,14}|[0-9]{5,6}"
    numbers = "phone numbers such as +15550100123, with spaces between them"
    sms = words_of(env, "MEDASSIST_SMS_NUMBERS", number, numbers)
    whatsapp = words_of(env, "MEDASSIST_WHATSAPP_NUMBERS", number, numbers)
    account = {
        "MEDASSIST_TWILIO_ACCOUNT_SID": only_one(
            env, "MEDASSIST_TWILIO_ACCOUNT_SID", "AC[0-9a-f]{32}",
            "AC and 32 digits or letters from a to f",
        ),
        "MEDASSIST_TWILIO_AUTH_TOKEN": only_one(
            env, "MEDASSIST_TWILIO_AUTH_TOKEN", r"\S{16,}", "the account's auth token"
        ),
    }  # fmt: skip
    require_together(
        {**account, "MEDASSIST_SMS_NUMBERS or MEDASSIST_WHATSAPP_NUMBERS": sms or whatsapp}
    )
    bot = {
        "MEDASSIST_TELEGRAM_BOT_TOKEN": only_one(
            env, "MEDASSIST_TELEGRAM_BOT_TOKEN", r"[0-9]+:[\w-]{30,}", "the token from BotFather"
        ),
        "MEDASSIST_TELEGRAM_SECRET": only_one(
            env, "MEDASSIST_TELEGRAM_SECRET", r"[A-Za-z0-9_-]{24,256}",
            "24 to 256 letters, digits, _ or -",
        ),
    }  # fmt: skip
    app = {
        "MEDASSIST_SLACK_BOT_TOKEN": only_one(
            env, "MEDASSIST_SLACK_BOT_TOKEN", r"xoxb-\S+", "a bot token, which begins with xoxb-"
        ),
        "MEDASSIST_SLACK_SIGNING_SECRET": only_one(
            env, "MEDASSIST_SLACK_SIGNING_SECRET", r"\S{16,}", "the app's signing secret"
        ),
    }
    pages = words_of(
        env, "MEDASSIST_MESSENGER_PAGES", r"[0-9]+:\S+",
        "page ids with their tokens, such as 1029384756:EAAB…, with spaces between them",
    )  # fmt: skip
    meta = {
        "MEDASSIST_MESSENGER_PAGES": pages,
        "MEDASSIST_MESSENGER_APP_SECRET": only_one(
            env, "MEDASSIST_MESSENGER_APP_SECRET", r"\S{16,}", "the app's secret"
        ),
        "MEDASSIST_MESSENGER_VERIFY_TOKEN": only_one(
            env, "MEDASSIST_MESSENGER_VERIFY_TOKEN", r"\S{16,}", "16 characters or more, no spaces"
        ),
    }
    plain = {
        "MEDASSIST_GENERIC_SECRET": only_one(
            env, "MEDASSIST_GENERIC_SECRET", r"\S{32,}", "32 characters or more, no spaces"
        ),
        "MEDASSIST_GENERIC_CALLBACK_URL": web_address(env, "MEDASSIST_GENERIC_CALLBACK_URL"),
    }
    for together in (bot, app, meta, plain):
        require_together(together)
    if (sms or whatsapp) and not public_url:
        raise SettingsError("SMS and WhatsApp also need MEDASSIST_PUBLIC_URL: Twilio signs it.")

    def api(key: str, default: str) -> str:
        return web_address(env, key) or default

    def template(key: str) -> str | None:
        return only_one(env, key, "HX[0-9a-f]{32}", "a content SID: HX and 32 digits or letters")

    return ChannelSettings(
        twilio=TwilioSettings(
            str(account["MEDASSIST_TWILIO_ACCOUNT_SID"]),
            str(account["MEDASSIST_TWILIO_AUTH_TOKEN"]),
            api("MEDASSIST_TWILIO_API_URL", "https://api.twilio.com"),
            sms,
            whatsapp,
            template("MEDASSIST_WHATSAPP_TWO_BUTTONS"),
            template("MEDASSIST_WHATSAPP_WRITE_BACK"),
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
