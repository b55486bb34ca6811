"""The doors between our own servers: who may pass, and what is behind them.

Rasa's API takes its token in the address only, and can load any model and train; the action
server asks nobody for anything, and answers a fault with the whole request. Both listen on
loopback; in containers their neighbours reach them too, so each asks for the secret.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
from collections.abc import Callable
from typing import Any

from medassist.settings import load_settings

logger = logging.getLogger(__name__)

SECRET_HEADER = "X-Medassist-Secret"

OPEN_OF_ACTIONS = frozenset({"/health", "/healthz", "/readyz", "/metrics"})
"""What the action server answers without the secret; figures have a token of their own."""

RASAS_PATHS = re.compile(
    r"/|/version|/status|/healthz|/readyz|/metrics|/model/parse|/conversations/.+/tracker(/events)?|/webhooks/.+"
)
"""What of Rasa's server we use; it could also train, load a model from anywhere, and more."""

LARGEST_ACTION_CALL = 16 * 1024 * 1024
"""Bytes of a request to the action server: a conversation's events come along."""

Answer = Callable[[str, int], Any]
"""Makes a refusal: its words and its status."""


def own_secret() -> str:
    """The installation's secret, without which no server of ours may start.

    Raises SystemExit with one line when it is not set, and SettingsError.
    """
    secret = load_settings().internal_secret
    if not secret:
        raise SystemExit(
            "MEDASSIST_INTERNAL_SECRET is not set. `medassist run` makes one; whoever starts the "
            "servers one by one must give all of them the same."
        )
    return secret


def knows(secret: str, given: str) -> bool:
    """Whether `given` is the secret, compared in constant time; an empty secret opens nothing.

    Sanic's headers can hold halves of characters, which have no UTF-8.
    """
    return bool(secret) and hmac.compare_digest(
        secret.encode(), given.encode(errors="surrogatepass")
    )


def guard_actions(app: Any, secret: str, answer: Answer) -> None:
    """Let only those who hold the secret call actions."""

    async def check(request: Any) -> Any:
        if request.path in OPEN_OF_ACTIONS:
            return None
        if not knows(secret, request.headers.get(SECRET_HEADER, "")):
            return answer("You may not do that.", 403)
        return None

    app.register_middleware(check, "request")


def guard_rasa(app: Any, answer: Answer) -> None:
    """Close what we do not use of Rasa's server, to browsers most of all.

    The `rest` connector lets its caller be anyone, so only this machine may use it.
    """

    async def check(request: Any) -> Any:
        if not RASAS_PATHS.fullmatch(request.path):
            return answer("There is nothing at this address.", 404)
        if "origin" in request.headers or "sec-fetch-site" in request.headers:
            return answer("Browsers may not come in here.", 403)
        if request.path.startswith("/webhooks/rest/") and not _is_here(request.ip):
            return answer("Only this machine may use the REST connector.", 403)
        return None

    app.register_middleware(check, "request")


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
