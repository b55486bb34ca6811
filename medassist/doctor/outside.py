"""What medassist speaks with, and how it is spoken to from outside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import aio_pika
import httpx
import redis

from medassist.cases.alert_targets import senders
from medassist.doctor.findings import OK, PROBLEM, WARNING, Finding, in_short
from medassist.scaling_settings import is_here
from medassist.settings import Settings, SettingsError

SECONDS = 4.0
"""How long anything may take to answer."""

SHORT_SECRET = 32
"""Characters; a secret of fewer can be guessed in the end."""


def public_address(settings: Settings) -> Iterator[Finding]:
    """People come by https, and the staff's cookies go by it only."""
    for origin in settings.embed_origins:
        if origin.startswith("http://") and not is_here(origin):
            yield Finding(
                WARNING,
                "widget",
                f"{origin} in MEDASSIST_EMBED_ORIGINS is not https: whoever is on the way can "
                "change that page and read along.",
            )
    url = settings.public_url
    if not url:
        yield Finding(
            WARNING,
            "public address",
            "MEDASSIST_PUBLIC_URL is not set, so links in alerts work on this machine only.",
        )
        return
    if not url.startswith("https://") and not is_here(url):
        yield Finding(
            PROBLEM,
            "public address",
            f"{url} is not https: what patients write and the staff's passwords could be read on "
            "the way. Put TLS before it (deploy/nginx) and set MEDASSIST_PUBLIC_URL to https.",
        )
    elif url.startswith("https://") and not settings.cookie_secure:
        yield Finding(
            PROBLEM,
            "public address",
            "MEDASSIST_COOKIE_SECURE is off although people come by https. Unset it.",
        )
    else:
        yield from _reached(url)


def _reached(url: str) -> Iterator[Finding]:
    about = "public address"
    try:
        answer = httpx.get(f"{url}/healthz", timeout=SECONDS)
    except httpx.HTTPError as error:
        if _is_about_tls(error):
            yield Finding(
                PROBLEM,
                about,
                f"The certificate of {url} is none that browsers trust, or has run out. Renew it.",
            )
            return
        yield Finding(
            WARNING,
            about,
            f"{url} cannot be reached from here ({type(error).__name__}). That is right before the "
            "first start, or where this machine cannot see itself from outside; else look at the "
            "proxy, the firewall and the name.",
        )
        return
    if answer.is_success:
        yield Finding(OK, about, f"{url} answers.")
    else:
        yield Finding(
            WARNING,
            about,
            f"{url}/healthz answers with status {answer.status_code}. Is that address ours, and "
            "does the front door run?",
        )


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def alerts(settings: Settings) -> Iterator[Finding]:
    """Somebody is told of an emergency. Nothing is sent."""
    try:
        targets = senders(settings)
    except SettingsError as error:
        yield Finding(PROBLEM, "alerts", f"{error}")
        return
    if not targets:
        yield Finding(
            WARNING,
            "alerts",
            "Nobody is told of a case: staff see an emergency only if they look at the console. "
            "Set MEDASSIST_ALERT_URLS or the webhook (docs/alerts.md).",
        )
        return
    webhook = settings.alert_webhook_url
    if webhook and webhook.startswith("http://") and not is_here(webhook):
        yield Finding(
            WARNING, "alerts", "MEDASSIST_ALERT_WEBHOOK_URL is not https. Use https if it can."
        )
    yield Finding(OK, "alerts", f"{len(targets)} target(s) can be used. None was tried.")


def channels(settings: Settings) -> Iterator[Finding]:
    """The messaging channels that are on can be reached by their providers."""
    on = settings.channels.switched_on
    if not on:
        yield Finding(OK, "channels", "The website only; no messaging channel is on.")
    elif not (settings.public_url or "").startswith("https://"):
        yield Finding(
            PROBLEM,
            "channels",
            f"{', '.join(on)} cannot be reached by the provider without an https address. Set "
            "MEDASSIST_PUBLIC_URL.",
        )
    else:
        yield Finding(OK, "channels", f"On, with all their settings: {', '.join(on)}.")


def secrets(settings: Settings) -> Iterator[Finding]:
    """Secrets are there where they must be, and long enough."""
    neighbours = [*settings.scaling.rasa_urls]
    neighbours += [settings.action_url] if settings.action_url else []
    several = settings.scaling.is_open or not all(is_here(url) for url in neighbours)
    if not settings.internal_secret and several:
        yield Finding(
            PROBLEM,
            "secrets",
            "MEDASSIST_INTERNAL_SECRET is not set. On several machines, or where others can reach "
            "this one, all parts need the same. Make one: openssl rand -hex 32",
        )
    given = {
        "MEDASSIST_INTERNAL_SECRET": settings.internal_secret,
        "MEDASSIST_ALERT_WEBHOOK_SECRET": settings.alert_webhook_secret,
        "MEDASSIST_METRICS_TOKEN": getattr(
            getattr(settings, "operations", None), "metrics_token", None
        ),
        "MEDASSIST_TELEGRAM_SECRET": settings.channels.telegram
        and settings.channels.telegram.secret,
        "MEDASSIST_GENERIC_SECRET": settings.channels.generic and settings.channels.generic.secret,
    }
    weak = [key for key, value in given.items() if value and _is_weak(value)]
    for key in weak:
        yield Finding(
            WARNING,
            "secrets",
            f"{key} can be guessed: it is short, or always the same few characters. Make a new "
            "one: openssl rand -hex 32",
        )
    if not weak and (settings.internal_secret or not several):
        yield Finding(OK, "secrets", "Long enough, where they are set.")


def _is_weak(secret: str) -> bool:
    return len(secret) < SHORT_SECRET or len(set(secret)) < 8


def redis_server(settings: Settings) -> Iterator[Finding]:
    """Redis answers, if it is used, and is used where it must be."""
    url = settings.scaling.redis_url
    if not url:
        if len(settings.scaling.rasa_urls) > 1 or len(settings.scaling.front_door_urls) > 1:
            yield Finding(
                PROBLEM,
                "Redis",
                "There are several Rasa servers or front doors and no MEDASSIST_REDIS_URL: a "
                "conversation's messages could be answered out of order, or not arrive.",
            )
        return
    try:
        client = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
        try:
            client.ping()
        finally:
            client.close()
    except redis.AuthenticationError:
        yield Finding(PROBLEM, "Redis", "It refuses the password in MEDASSIST_REDIS_URL.")
    except (redis.RedisError, OSError, ValueError) as error:
        yield Finding(
            PROBLEM,
            "Redis",
            f"It cannot be reached ({in_short(error)}). Is it started, and is MEDASSIST_REDIS_URL "
            "right?",
        )
    else:
        yield Finding(OK, "Redis", "It answers.")


def event_broker(settings: Settings) -> Iterator[Finding]:
    """The event broker takes a connection, if there is one."""
    url = settings.scaling.event_broker_url
    if not url:
        return

    async def connect() -> None:
        connection = await aio_pika.connect(url, timeout=SECONDS)
        await connection.close()

    try:
        asyncio.run(connect())
    except Exception as error:  # of aio_pika, aiormq, asyncio or the system
        yield Finding(
            PROBLEM,
            "event broker",
            f"It cannot be used ({in_short(error)}). Is it started, and is "
            "MEDASSIST_EVENT_BROKER_URL right? The bot works without it.",
        )
    else:
        yield Finding(OK, "event broker", "It takes a connection.")


def retention(settings: Settings) -> Iterator[Finding]:
    """What is kept ends some day."""
    privacy = getattr(settings, "privacy", None)
    if privacy is None:
        return
    kept = vars(privacy)
    for_ever = [name.replace("_", " ") for name, days in kept.items() if days is None]
    if for_ever:
        yield Finding(
            WARNING,
            "retention",
            f"Kept for ever: {', '.join(for_ever)}. Is that what your privacy officer wants "
            "(docs/privacy.md)?",
        )
    else:
        days = kept.get("conversations")
        yield Finding(OK, "retention", f"All that is kept has an end; conversations, {days} days.")
