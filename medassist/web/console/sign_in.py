"""Signing in and out, and one's own password."""

from __future__ import annotations

import hmac
import secrets

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from medassist.staff import accounts, audit
from medassist.staff.sessions import Staff
from medassist.staff.sign_in import AddressLimit, check_password
from medassist.web.console.forms import read_form, text_of
from medassist.web.console.oidc import SAID
from medassist.web.console.shell import (
    Console,
    StaffRoute,
    address_of,
    own_address,
)

FORM_COOKIE = "medassist_sign_in"
"""Ties the sign-in form to the browser it was sent to: there is no session yet."""

WRONG = (
    "That did not work. Check the name and the password. After 5 wrong passwords in a row an "
    "account is locked for a while; an administrator can unlock it."
)


class SignIn:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._limit = AddressLimit()

    def form(self, request: Request) -> Response:
        """The sign-in form; whoever is signed in already goes on."""
        to = own_address(request.query_params.get("next", "/staff"))
        if self._console.signed_in(request):
            return RedirectResponse(to, status_code=303)
        said = SAID.get(request.query_params.get("clinic", ""), "")
        return self._page(request, to, said)

    def _page(
        self, request: Request, to: str, said: str = "", name: str = "", status_code: int = 200
    ) -> Response:
        token = secrets.token_urlsafe(32)
        response = self._console.page(
            request,
            None,
            "sign_in.html",
            status_code=status_code,
            token=token,
            to=to,
            said=said,
            name=name,
            provider=bool(self._console.settings.oidc_issuer),
        )
        response.set_cookie(
            FORM_COOKIE,
            token,
            max_age=3600,
            secure=self._console.settings.cookie_secure,
            httponly=True,
            samesite="strict",
            path="/staff/sign-in",
        )
        return response

    async def sign_in(self, request: Request) -> Response:
        """Take the form."""
        wait = self._limit.take(address_of(request))
        if wait:
            raise HTTPException(
                429,
                "Too many tries from here. Please wait 15 minutes.",
                {"Retry-After": str(wait), "Connection": "close"},
            )
        request.state.form = await read_form(request)
        return await run_in_threadpool(self._decide, request)

    def _decide(self, request: Request) -> Response:
        to = own_address(text_of(request, "next"))
        name = text_of(request, "name")[:100]
        given = str(request.state.form.get("token") or "")
        held = request.cookies.get(FORM_COOKIE, "")
        if not held or not hmac.compare_digest(given.encode(), held.encode()):
            self._limit.give_back(address_of(request))
            said = "This form is too old. Please try again."
            return self._page(request, to, said, name, status_code=403)
        engine = self._console.engine
        opened = check_password(engine, name, str(request.state.form.get("password") or ""))
        audit.record(
            engine,
            account=self._known_name(name),
            role="",
            action="sign_in",
            outcome="refused" if opened is None else "done",
            address=address_of(request),
        )
        if opened is None:
            return self._page(request, to, WRONG, name, status_code=403)
        self._limit.give_back(address_of(request))
        self._console.end_session(request, Response())
        response = self._console.redirect(to)
        self._console.start_session(response, opened)
        response.delete_cookie(FORM_COOKIE, path="/staff/sign-in")
        return response

    def _known_name(self, name: str) -> str:
        """The name for the record; what is no account's name may be a password typed amiss."""
        try:
            return accounts.find_account(self._console.engine, name).name
        except accounts.AccountError:
            return "(unknown name)"

    def sign_out(self, request: Request, _staff: Staff) -> Response:
        """End this sign-in."""
        response = self._console.redirect("/staff/sign-in", flash="You are signed out.")
        self._console.end_session(request, response)
        return response

    def own_account(self, request: Request, staff: Staff) -> Response:
        """One's own name and password."""
        account = accounts.find_account(self._console.engine, staff.name)
        return self._console.page(request, staff, "own_account.html", account=account)

    def change_password(self, request: Request, staff: Staff) -> Response:
        """A new password of one's own; all other sign-ins end."""
        form, engine = request.state.form, self._console.engine
        wait = self._limit.take(address_of(request))
        if wait:
            raise HTTPException(429, "Too many tries from here. Please wait 15 minutes.")
        account = accounts.find_account(engine, staff.name)
        if not accounts.is_password_of(engine, staff.name, str(form.get("old") or "")):
            raise accounts.AccountError("The old password is not right.")
        self._limit.give_back(address_of(request))
        new = str(form.get("new") or "")
        if new != str(form.get("again") or ""):
            raise accounts.AccountError("The two new passwords are not the same.")
        accounts.set_password(engine, staff.name, new)
        response = self._console.redirect("/staff/me", flash="Your password is changed.")
        self._console.start_session(response, account.id)
        return response


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these pages."""
    pages = SignIn(console)
    door = "this is where one signs in"
    return [
        console.open_route("/staff/sign-in", pages.form, because=door),
        console.open_route("/staff/sign-in", pages.sign_in, because=door, methods=["POST"]),
        console.route(
            "/staff/sign-out", pages.sign_out, role="viewer", methods=["POST"], name="sign_out"
        ),
        console.route("/staff/me", pages.own_account, role="viewer", audited=False),
        console.route(
            "/staff/me/password",
            pages.change_password,
            role="viewer",
            methods=["POST"],
            name="change_own_password",
        ),
    ]
