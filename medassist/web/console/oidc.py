"""Signing in with the clinic's own accounts (OpenID Connect), where settings name a provider."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import quote

from authlib.integrations.starlette_client import OAuth
from itsdangerous import URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.staff import accounts, audit
from medassist.web.console.shell import Console, StaffRoute, address_of, own_address

logger = logging.getLogger(__name__)

START = "/staff/sign-in/clinic"
CALLBACK = "/staff/sign-in/clinic/done"

COOKIE = "medassist_clinic_sign_in"
"""What must be known again when the browser comes back from the provider. Unlike the session it
goes with a request that another site leads to, or it would never come back."""

_SECONDS = 600
_SIGNED_WITH = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
"""Signatures that only the provider can make: none with a shared secret, and never "none"."""

DID_NOT_WORK = "The clinic’s sign-in did not work. Please try again."
NOBODY = (
    "The clinic’s sign-in worked, but there is no account here for it. Ask an administrator to "
    "add one under your name there, without a password."
)


class ClinicSignIn:
    """The two steps: off to the provider, and back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        settings = console.settings
        secret = settings.internal_secret or secrets.token_urlsafe(32)
        self._kept = URLSafeTimedSerializer(secret, salt="medassist.console.oidc")
        self._issuer = (settings.oidc_issuer or "").rstrip("/")
        self._provider: Any = None
        if settings.oidc_issuer and settings.oidc_client_id:
            self._provider = OAuth().register(
                "clinic",
                client_id=settings.oidc_client_id,
                client_secret=settings.oidc_client_secret,
                server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
                client_kwargs={
                    "scope": "openid profile email",
                    "code_challenge_method": "S256",
                    "timeout": 10,
                },
            )

    async def _ready(self) -> Any:
        """The provider, its metadata checked. Raises HTTPException 404 when there is none."""
        if self._provider is None:
            raise HTTPException(404)
        metadata = await self._provider.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise ValueError("the provider's metadata is of another issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or []
        metadata["id_token_signing_alg_values_supported"] = [
            name for name in offered if name in _SIGNED_WITH
        ] or ["RS256"]
        return self._provider

    async def start(self, request: Request) -> Response:
        """Off to the provider."""
        request.scope["session"] = {}
        try:
            provider = await self._ready()
            response: Response = await provider.authorize_redirect(
                request, f"{self._console.settings.link_url}{CALLBACK}"
            )
        except HTTPException:
            raise
        except Exception as error:  # of authlib, its HTTP client or its JWT library
            return self._failed("start", error)
        to = own_address(request.query_params.get("next", "/staff"))
        response.set_cookie(
            COOKIE,
            self._kept.dumps({"session": request.scope["session"], "to": to}),
            max_age=_SECONDS,
            secure=self._console.settings.cookie_secure,
            httponly=True,
            samesite="lax",
            path=START,
        )
        return response

    async def done(self, request: Request) -> Response:
        """Back from the provider: only what it has signed for us, just now, counts."""
        try:
            provider = await self._ready()
            kept = self._kept.loads(request.cookies.get(COOKIE, ""), _SECONDS)
            request.scope["session"] = kept["session"]
            client_id = self._console.settings.oidc_client_id
            token = await provider.authorize_access_token(
                request,
                claims_options={
                    "iss": {"essential": True, "values": [provider.server_metadata["issuer"]]},
                    "aud": {"essential": True, "value": client_id},
                },
            )
            claims = token["userinfo"]  # made from the checked token; missing when there was none
            subject = str(claims["sub"])
        except HTTPException:
            raise
        except Exception as error:  # whatever is wrong with it, it opens nothing
            return self._failed("done", error)
        return await run_in_threadpool(self._let_in, request, subject, claims, kept["to"])

    def _let_in(self, request: Request, subject: str, claims: Any, to: str) -> Response:
        names = [str(claims.get("preferred_username") or "")]
        if claims.get("email_verified") is True:
            names.append(str(claims.get("email") or ""))
        engine = self._console.engine
        named = [name for name in names if name]
        opened = accounts.account_at_provider(engine, self._issuer, subject, named)
        audit.record(
            engine,
            account=accounts.tidy_name(named[0]) if named else "(no name)",
            role="",
            action="sign_in_clinic",
            outcome="refused" if opened is None else "done",
            address=address_of(request),
        )
        if opened is None:
            return self._back_to_form(NOBODY)
        self._console.end_session(request, Response())
        # A page, not a redirect: the browser would not send the strict session cookie along a
        # way that another site began.
        response = self._console.page(request, None, "signed_in.html", to=own_address(to))
        self._console.start_session(response, opened)
        response.delete_cookie(COOKIE, path=START)
        return response

    def _failed(self, step: str, error: Exception) -> Response:
        logger.warning("sign-in with the clinic's provider (%s): %s", step, type(error).__name__)
        return self._back_to_form(DID_NOT_WORK)

    def _back_to_form(self, said: str) -> Response:
        # Said by the address, not by a cookie: strict cookies do not come along from there.
        reason = "nobody" if said is NOBODY else "failed"
        response = self._console.redirect(f"/staff/sign-in?clinic={quote(reason)}")
        response.delete_cookie(COOKIE, path=START)
        return response


SAID = {"nobody": NOBODY, "failed": DID_NOT_WORK}
"""What the sign-in form says after a sign-in at the provider that opened nothing."""


def routes(console: Console) -> list[StaffRoute]:
    """The routes of both steps; without a provider in the settings they are not found."""
    pages = ClinicSignIn(console)
    door = "this is where one signs in"
    return [
        console.open_route(START, pages.start, because=door, name="start_clinic_sign_in"),
        console.open_route(CALLBACK, pages.done, because=door, name="end_clinic_sign_in"),
    ]
