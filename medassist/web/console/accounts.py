"""The staff's accounts, for an administrator."""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.staff import accounts, passwords
from medassist.staff.accounts import AccountError
from medassist.staff.roles import ROLE_WORDS, ROLES
from medassist.staff.sessions import Staff
from medassist.web.console.forms import text_of
from medassist.web.console.shell import Console, StaffRoute


class Accounts:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def overview(self, request: Request, staff: Staff) -> Response:
        """Every account, and the form for a new one."""
        return self._overview(request, staff)

    def _overview(
        self,
        request: Request,
        staff: Staff,
        said: str = "",
        given: dict[str, str] | None = None,
        status_code: int = 200,
    ) -> Response:
        return self._console.page(
            request,
            staff,
            "accounts.html",
            status_code=status_code,
            accounts=accounts.all_accounts(self._console.engine),
            roles=[(role, ROLE_WORDS[role]) for role in ROLES],
            provider=bool(self._console.settings.oidc_issuer),
            said=said,
            given=given or {},
        )

    def add(self, request: Request, staff: Staff) -> Response:
        """Make an account; its password is on the page that answers, and nowhere else."""
        given = {field: text_of(request, field, 100) for field in ("name", "shown_as", "role")}
        request.state.about = f"account {accounts.tidy_name(given['name'])}"
        by_provider = bool(self._console.settings.oidc_issuer) and bool(
            text_of(request, "no_password")
        )
        password = None if by_provider else passwords.new_password()
        try:
            account = accounts.add_account(
                self._console.engine,
                given["name"],
                given["role"],
                shown_as=given["shown_as"],
                password=password,
            )
        except AccountError as error:
            return self._overview(request, staff, str(error), given, status_code=409)
        if password is None:
            return self._console.redirect(
                f"/staff/accounts/{account.name}", f"{account.name} may sign in."
            )
        return self._once(request, staff, account.name, password)

    def _once(self, request: Request, staff: Staff, name: str, password: str) -> Response:
        return self._console.page(request, staff, "new_password.html", name=name, password=password)

    def one(self, request: Request, staff: Staff) -> Response:
        """One account and what can be changed."""
        try:
            account = accounts.find_account(self._console.engine, request.path_params["account"])
        except AccountError as error:
            raise HTTPException(404, str(error)) from None
        return self._console.page(
            request,
            staff,
            "account.html",
            account=account,
            roles=[(role, ROLE_WORDS[role]) for role in ROLES],
            is_own=account.name == staff.name,
            provider=bool(self._console.settings.oidc_issuer),
        )

    def change(self, request: Request, staff: Staff) -> Response:
        """Role and shown name."""
        name, engine = request.path_params["account"], self._console.engine
        role, shown_as = text_of(request, "role", 20), text_of(request, "shown_as", 100)
        accounts.change_shown_name(engine, name, shown_as)
        accounts.change_role(engine, name, role)
        return self._back(name, "Saved.")

    def new_password(self, request: Request, staff: Staff) -> Response:
        """A new password, shown once; all sign-ins of the account end."""
        name = request.path_params["account"]
        if name == staff.name:
            raise AccountError("Change your own password on your own page: click your name above.")
        password = passwords.new_password()
        accounts.set_password(self._console.engine, name, password)
        return self._once(request, staff, name, password)

    def drop_password(self, request: Request, staff: Staff) -> Response:
        """From now on the clinic's account only."""
        name = request.path_params["account"]
        if name == staff.name or not self._console.settings.oidc_issuer:
            raise AccountError("That would lock the account: it could no longer sign in.")
        accounts.drop_password(self._console.engine, name)
        return self._back(name, f"{name} now signs in with the clinic’s account only.")

    def act(self, does: Callable[..., None], said: str) -> Callable[[Request, Staff], Response]:
        """A page that does one thing to an account and says so."""

        def page(request: Request, staff: Staff) -> Response:
            name = request.path_params["account"]
            does(self._console.engine, name)
            return self._back(name, said.format(name=name))

        return page

    def _back(self, name: str, said: str) -> Response:
        return self._console.redirect(f"/staff/accounts/{name}", said)


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these pages."""
    pages = Accounts(console)
    one = "/staff/accounts/{account}"

    def post(path: str, does: Callable[[Request, Staff], Response], name: str) -> StaffRoute:
        return console.route(path, does, role="admin", methods=["POST"], name=name)

    return [
        console.route("/staff/accounts", pages.overview, role="admin", name="list_accounts"),
        post("/staff/accounts", pages.add, "add_account"),
        console.route(one, pages.one, role="admin", name="see_account"),
        post(one, pages.change, "change_account"),
        post(f"{one}/password", pages.new_password, "reset_password"),
        post(f"{one}/drop-password", pages.drop_password, "drop_password"),
        post(
            f"{one}/disable",
            pages.act(accounts.disable, "{name} is signed out and can no longer sign in."),
            "disable_account",
        ),
        post(f"{one}/enable", pages.act(accounts.enable, "{name} may sign in."), "enable_account"),
        post(
            f"{one}/unlock",
            pages.act(accounts.unlock, "{name} is unlocked and may try again."),
            "unlock_account",
        ),
        post(
            f"{one}/forget-provider",
            pages.act(accounts.forget_provider, "The tie to the clinic’s account is cut."),
            "forget_provider",
        ),
    ]
