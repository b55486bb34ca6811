"""What every page of the console shares: who may enter, forged forms, the record, the frame.

A page is a function of the request and of who is signed in. The shell has checked the
session, the role and (for a form) the token before it is called, and writes the audit log.
"""

from __future__ import annotations

import hmac
import inspect
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from markupsafe import Markup
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from medassist.cases.cases import Case
from medassist.cases.clinics import Clinics
from medassist.regions import Region
from medassist.settings import Settings
from medassist.staff import audit, sessions
from medassist.staff.sessions import Staff
from medassist.web.console import moments
from medassist.web.console.forms import read_form
from medassist.web.console.refusals import REFUSALS
from medassist.web.rasa_server import RasaServer

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
FLASH_COOKIE = "medassist_flash"
_FLASH_SECONDS = 60

Page = Callable[[Request, Staff], Response | Awaitable[Response]]
OpenPage = Callable[[Request], Response | Awaitable[Response]]

NAVIGATION = (
    ("/staff", "Queue", "viewer"),
    ("/staff/desk", "Triage desk", "triage"),
    ("/staff/answers", "Answers", "viewer"),
    ("/staff/asked", "What patients ask", "viewer"),
    ("/staff/accounts", "Accounts", "admin"),
    ("/staff/audit", "Audit log", "admin"),
)
"""Address, words and the role that sees it."""


class StaffRoute(Route):
    """A route with a decision about who may enter: a role, or the reason why it is open."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, role: str | None, open_because: str = "",
        methods: list[str], name: str,
    ) -> None:  # fmt: skip
        super().__init__(path, endpoint, methods=methods, name=name)
        self.role = role
        self.open_because = open_because


class Seen:
    """What has been recorded lately, so that a page that refreshes itself is one line, not many."""

    def __init__(self, seconds: float = 600, most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._at: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def now(self, what: tuple[str, ...]) -> None:
        """It was recorded just now."""
        self._at[what] = time.monotonic()
        self._at.move_to_end(what)
        while len(self._at) > self._most:
            self._at.popitem(last=False)

    def is_recent(self, what: tuple[str, ...]) -> bool:
        """Whether it was recorded in the last minutes."""
        return what in self._at and time.monotonic() - self._at[what] < self._seconds


class Console:
    """The shell: builds routes, renders pages, and knows who is signed in."""

    def __init__(
        self, engine: Engine, settings: Settings, rasa: RasaServer, clinics: Clinics
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.rasa = rasa
        self.clinics = clinics
        self.closers: list[Callable[[], None]] = []
        """Called in the event loop when the server is told to stop: streams must end then."""
        secret = settings.internal_secret or secrets.token_urlsafe(32)
        self.actions: set[str] = {"sign_in", "sign_in_clinic"}
        """Every name that an entry of the audit log can have."""
        self._seen = Seen()
        self._flash = URLSafeTimedSerializer(secret, salt="medassist.console.flash")
        self.templates = Jinja2Templates(directory=TEMPLATES)
        self.zone = clinics.default.zone
        """The (first) clinic's time zone: times on pages are its, in the database they are UTC."""
        self.templates.env.filters["moment"] = partial(moments.moment, zone=self.zone)
        self.templates.env.filters["duration"] = moments.duration
        self.templates.env.filters["ago"] = moments.ago
        self.templates.env.globals["clinic_name"] = self.clinic_name
        self.templates.env.trim_blocks = self.templates.env.lstrip_blocks = True

    def region_of(self, case: Case) -> Region:
        """The phone lines of the clinic that a case is with."""
        return self.clinics.region(self.clinics.named(case.clinic))

    def clinic_name(self, case: Case) -> str:
        """The name of the clinic that a case is with; nothing where there is only one."""
        return self.clinics.named(case.clinic).name if self.clinics.several else ""

    # ── routes ──

    def route(
        self,
        path: str,
        endpoint: Page,
        *,
        role: str,
        only: bool = False,
        methods: list[str] | None = None,
        name: str = "",
        audited: bool = True,
        keeps_awake: bool = True,
    ) -> StaffRoute:
        """A route for the signed-in who have `role` or more, or with `only` this role alone.

        `name` is the action in the audit log. What a page asks for again and again is not
        `audited` each time, but every few minutes if it is about one case, answer or account.
        With `keeps_awake` false a request is no use of the session: a page that asks for
        news by itself must not keep a sign-in open.
        """
        name = name or getattr(endpoint, "__name__", path)
        self.actions.add(name)

        async def guarded(request: Request) -> Response:
            staff = await run_in_threadpool(self.signed_in, request, use=keeps_awake)
            if staff is None:
                return self._to_sign_in(request)
            request.state.staff = staff
            outcome = "failed"
            try:
                if not staff.may(role) or (only and staff.role != role):
                    raise HTTPException(403, "Your account may not do this.")
                if request.method not in ("GET", "HEAD"):
                    await self.require_own_form(request, staff.csrf_token)
                response = await _call(endpoint, request, staff)
                outcome = "done" if response.status_code < 400 else "refused"
            except REFUSALS as error:
                response, outcome = self.refusal(request, error, staff), "refused"
            finally:
                await run_in_threadpool(self._record, request, staff, name, outcome, always=audited)
            return response

        return StaffRoute(
            path, self._never_bare(guarded), role=role, methods=methods or ["GET"], name=name
        )

    def _record(
        self, request: Request, staff: Staff, action: str, outcome: str, *, always: bool
    ) -> None:
        """Write the audit log."""
        about = about_of(request)
        what = (staff.name, action, about)
        if outcome == "done" and not always and (not about or self._seen.is_recent(what)):
            return
        audit.record(
            self.engine,
            account=staff.name,
            role=staff.role,
            action=action,
            object=about,
            outcome=outcome,
            address=address_of(request),
        )
        self._seen.now(what)

    def open_route(
        self,
        path: str,
        endpoint: OpenPage,
        *,
        because: str,
        methods: list[str] | None = None,
        name: str = "",
    ) -> StaffRoute:
        """A route that needs no sign-in; `because` says why, for whoever reviews it."""

        async def opened(request: Request) -> Response:
            try:
                return await _call(endpoint, request)
            except REFUSALS as error:
                return self.refusal(request, error, None)

        return StaffRoute(
            path,
            self._never_bare(opened),
            role=None,
            open_because=because,
            methods=methods or ["GET"],
            name=name or getattr(endpoint, "__name__", path),
        )

    def _never_bare(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Words instead of a bare fault when the database cannot be used."""

        async def kept(request: Request) -> Response:
            try:
                return await endpoint(request)
            except SQLAlchemyError as error:
                logger.error("the console's database failed: %s", type(error).__name__)
                gone = HTTPException(503, "The database cannot be used right now. Try again soon.")
                return self.refusal(request, gone, None)

        return kept

    # ── who is there ──

    @property
    def session_cookie(self) -> str:
        """The cookie's name; the prefix makes browsers refuse it from anywhere else."""
        return "__Host-medassist" if self.settings.cookie_secure else "medassist_staff"

    def signed_in(self, request: Request, *, use: bool = True) -> Staff | None:
        """Who is signed in, if anyone."""
        token = request.cookies.get(self.session_cookie)
        if not token:
            return None
        idle = self.settings.session_idle_seconds
        return sessions.current(self.engine, token, idle, use=use)

    def start_session(self, response: Response, account_id: int) -> None:
        """Sign this account in, under a new token."""
        response.set_cookie(
            self.session_cookie,
            sessions.begin(self.engine, account_id, self.settings.session_idle_seconds),
            secure=self.settings.cookie_secure,
            httponly=True,
            samesite="strict",
            path="/",
        )

    def end_session(self, request: Request, response: Response) -> None:
        """Sign out."""
        sessions.end(self.engine, request.cookies.get(self.session_cookie, ""))
        response.delete_cookie(
            self.session_cookie, secure=self.settings.cookie_secure, httponly=True, path="/"
        )

    async def require_own_form(self, request: Request, csrf_token: str) -> None:
        """Read a form into `request.state.form`; raise 403 when it is not from a page of ours."""
        request.state.form = FormData()  # what is no form has no fields
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "This form came from another website.")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
        given = request.headers.get("X-CSRF-Token", "")
        if kind == "application/x-www-form-urlencoded":
            request.state.form = await read_form(request)
            given = given or str(request.state.form.get("csrf_token") or "")
        if not hmac.compare_digest(given.encode(), csrf_token.encode()):
            raise HTTPException(403, "This form is too old. Load the page again and send it again.")

    # ── answers ──

    def page(
        self,
        request: Request,
        staff: Staff | None,
        template: str,
        status_code: int = 200,
        **values: Any,
    ) -> Response:
        """A page in the console's frame."""
        path = request.url.path
        response = self.templates.TemplateResponse(
            request,
            f"console/{template}",
            {
                "staff": staff,
                "csrf_field": lambda: _csrf_field(staff),
                "navigation": [
                    {"to": to, "words": words, "here": _is_here(path, to)}
                    for to, words, needed in NAVIGATION
                    if staff and staff.may(needed)
                ],
                "flash": self._take_flash(request),
                **values,
            },
            status_code=status_code,
        )
        if FLASH_COOKIE in request.cookies:
            response.delete_cookie(FLASH_COOKIE, path="/staff")
        return response

    def redirect(self, to: str, flash: str = "") -> Response:
        """On to another page of the console, which says `flash` once."""
        response = RedirectResponse(own_address(to), status_code=303)
        if flash:
            response.set_cookie(
                FLASH_COOKIE,
                self._flash.dumps(flash[:1000]),
                max_age=_FLASH_SECONDS,
                secure=self.settings.cookie_secure,
                httponly=True,
                samesite="strict",
                path="/staff",
            )
        return response

    def _take_flash(self, request: Request) -> str:
        try:
            said = self._flash.loads(request.cookies.get(FLASH_COOKIE, ""), _FLASH_SECONDS)
        except BadSignature:
            return ""
        return str(said)

    def refusal(self, request: Request, error: Exception, staff: Staff | None) -> Response:
        """A refusal in plain words: a page for a person, JSON for a script of the page."""
        status = error.status_code if isinstance(error, HTTPException) else 409
        said = error.detail if isinstance(error, HTTPException) else str(error)
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == 404 and said == HTTPStatus.NOT_FOUND.phrase:
            said = "There is nothing at this address."
        if not wants_page(request):
            return JSONResponse({"error": said}, status_code=status, headers=headers)
        response = self.page(request, staff, "refusal.html", status_code=status, said=said)
        response.headers.update(headers or {})
        return response

    def _to_sign_in(self, request: Request) -> Response:
        if not wants_page(request):
            return JSONResponse({"error": "Please sign in again."}, status_code=401)
        back = request.url.path if request.method == "GET" else "/staff"
        if request.method == "GET" and request.url.query:
            back += f"?{request.url.query}"
        return self.redirect(f"/staff/sign-in?next={quote(back, safe='')}")


def _csrf_field(staff: Staff | None) -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(
        staff.csrf_token if staff else ""
    )


async def _call(endpoint: Callable[..., Any], *given: Any) -> Response:
    if inspect.iscoroutinefunction(endpoint):
        return await endpoint(*given)  # type: ignore[no-any-return]
    result: Response = await run_in_threadpool(endpoint, *given)
    return result


def _is_here(path: str, to: str) -> bool:
    if to == "/staff":
        return path == to or path.startswith("/staff/cases")
    return path == to or path.startswith(f"{to}/")


def own_address(to: str) -> str:
    """`to` if it is a page of the console, else the console's first page."""
    parts = urlsplit(to)
    is_ours = not parts.scheme and not parts.netloc and "\\" not in to and to.isprintable()
    is_ours = is_ours and ".." not in unquote(parts.path).split("/")
    if is_ours and (parts.path == "/staff" or parts.path.startswith("/staff/")):
        return to
    return "/staff"


def wants_page(request: Request) -> bool:
    """Whether a person is to read the answer, and not a script."""
    return "text/html" in request.headers.get("Accept", "")


def about_of(request: Request) -> str:
    """What a request is about, for the audit log: the parts of its path, or what the page says."""
    said: str = getattr(request.state, "about", "")
    return said or " ".join(f"{key} {value}" for key, value in request.path_params.items())


def address_of(request: Request) -> str:
    """The address that the request came from."""
    return request.client.host if request.client else ""
