"""Where alerts go: a signed webhook, and whatever service Apprise knows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping

import apprise
import httpx

from medassist.cases.alert_words import AlertWording, event_key
from medassist.cases.alerts import WEBHOOK, Alert, target_of
from medassist.cases.clinics import Clinics
from medassist.settings import Settings, SettingsError

WEBHOOK_SECONDS = 10.0
"""How long the webhook may take to connect, to take the alert, and to answer, each."""

_SECRET_PREFIX = "whsec_"

Send = Callable[[Alert], None]
"""Sends one alert; raises SendError when the target did not take it."""


class SendError(Exception):
    """The target did not take an alert; one line with no secret in it."""


def senders(settings: Settings) -> Mapping[str, Send]:
    """How to send to each target in force, by its name in the outbox.

    Raises SettingsError when a target cannot be used; its address is not repeated.
    """
    clinics = Clinics(settings)
    wording = AlertWording(
        settings.link_url,
        settings.alert_with_words,
        (lambda id: clinics.named(id).name) if clinics.several else None,
    )
    found: dict[str, Send] = {}
    if settings.alert_webhook_url and settings.alert_webhook_secret:
        key = signing_key(settings.alert_webhook_secret)
        found[WEBHOOK] = Webhook(settings.alert_webhook_url, key, wording)
    for number, url in enumerate(settings.alert_urls, start=1):
        found[target_of(url)] = AppriseTarget(url, number, wording)
    return found


def signing_key(secret: str) -> bytes:
    """The key of a secret: what follows `whsec_` is base64, any other secret is taken as it is."""
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret[len(_SECRET_PREFIX) :], validate=True)
    except binascii.Error:
        raise SettingsError(
            "MEDASSIST_ALERT_WEBHOOK_SECRET must be base64 after whsec_, or start otherwise."
        ) from None


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature as Standard Webhooks has it: HMAC-SHA-256 over id, time and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """Posts an alert as JSON, signed, with the event's name as idempotency key."""

    def __init__(self, url: str, key: bytes, wording: AlertWording) -> None:
        self._url, self._key, self._wording = url, key, wording

    def __call__(self, alert: Alert) -> None:
        """Send it. A redirect counts as not taken: an alert goes where the settings say."""
        body = json.dumps(self._wording.payload(alert)).encode()
        message_id, timestamp = event_key(alert), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "medassist",
            "Idempotency-Key": message_id,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, message_id, timestamp, body),
        }
        try:
            with httpx.stream(
                "POST", self._url, content=body, headers=headers, timeout=WEBHOOK_SECONDS
            ) as response:  # the answer's body is not read: it may be endless
                status = response.status_code
        except httpx.TimeoutException:
            raise SendError(f"no answer in {WEBHOOK_SECONDS:.0f} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SendError(f"cannot be reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise SendError(f"answered with status {status}")


class AppriseTarget:
    """Sends an alert through one Apprise URL. What went wrong is in the worker's log."""

    def __init__(self, url: str, number: int, wording: AlertWording) -> None:
        self._wording = wording
        asset = apprise.AppriseAsset(
            app_id="medassist",
            app_desc="medassist alerts",
            app_url=wording.link_url,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        self._notify = apprise.Apprise(asset=asset)
        log = logging.getLogger("apprise")
        log.disabled = True  # it writes out the whole of a URL that it cannot use
        usable = self._notify.add(url)
        log.disabled = False
        if not usable:
            raise SettingsError(
                f"MEDASSIST_ALERT_URLS: URL number {number} is none that Apprise can use."
            )

    def __call__(self, alert: Alert) -> None:
        """Send it. Raises SendError when Apprise says that it was not taken."""
        kinds = {"emergency": apprise.NotifyType.FAILURE, "urgent": apprise.NotifyType.WARNING}
        taken = self._notify.notify(
            title=self._wording.title(alert),
            body=self._wording.text(alert),
            body_format=apprise.NotifyFormat.TEXT,
            notify_type=kinds.get(alert.level, apprise.NotifyType.INFO),
        )
        if not taken:
            raise SendError("the service did not take it; see the alert worker's log")
