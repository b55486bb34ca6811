"""The door of the console: who may enter, with what, and what is written down about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Engine
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route

from medassist.cases.clinics import Clinics
from medassist.settings import Settings, load_settings
from medassist.staff import accounts, audit
from medassist.staff.roles import ROLES
from medassist.storage.tables import staff_sessions
from medassist.web.app import create_app
from medassist.web.console.csv_files import as_csv
from medassist.web.console.shell import StaffRoute, own_address
from tests.web.console.staff import AS_BROWSER, PASSWORD, StaffMember, hidden
from tests.web.served import Served

MemberOf = Callable[[str], StaffMember]
NewMember = Callable[[], StaffMember]


# ── every route has a decision ──────────────────────────────────────────────────────────────


def undecided(routes: list[BaseRoute]) -> list[str]:
    """The paths under /staff that nobody decided about."""
    under = [r for r in routes if isinstance(r, Route | Mount) and r.path.startswith("/staff")]
    return [
        r.path
        for r in under
        if not isinstance(r, StaffRoute)
        or not (r.role in ROLES or (r.role is None and r.open_because))
    ]


def routes_for(needed: bool, settings: Settings) -> list[StaffRoute]:
    found = [r for r in create_app(settings).routes if isinstance(r, StaffRoute)]
    return [r for r in found if (r.role is not None) == needed]


def path_of(route: StaffRoute) -> str:
    """The route's path with something in each place."""
    return re.sub(r"\{\w+:int\}", "1", re.sub(r"\{\w+(:str|:path)?\}", "viewer", route.path))


def method_of(route: StaffRoute) -> str:
    return "POST" if "POST" in (route.methods or ()) else "GET"


def test_every_route_under_staff_says_who_may_enter(settings: Settings) -> None:
    assert undecided(list(create_app(settings).routes)) == []


def test_a_route_without_a_decision_is_found(settings: Settings) -> None:
    app = create_app(settings)
    app.add_route("/staff/forgotten", lambda _request: PlainTextResponse("open to all"))
    assert undecided(list(app.routes)) == ["/staff/forgotten"]


def test_only_the_sign_in_pages_are_open(settings: Settings) -> None:
    *pages, last = routes_for(False, settings)
    assert {r.path.split("/")[2] for r in pages} == {"sign-in"}
    assert (last.path, last.name) == ("/staff/{anything:path}", "nothing")


def test_where_nothing_is_a_page_says_so(new_member: NewMember) -> None:
    response = new_member().get("/staff/nothing/here")
    assert response.status_code == 404
    assert "There is nothing at this address." in response.text
    assert "<h1>" in response.text


def test_no_page_opens_without_a_sign_in(clinic: Served, settings: Settings) -> None:
    for route in routes_for(True, settings):
        page = httpx.request(method_of(route), clinic.url + path_of(route), headers=AS_BROWSER)
        script = httpx.request(method_of(route), clinic.url + path_of(route))
        assert page.status_code == 303, route.path
        assert page.headers["Location"].startswith("/staff/sign-in?next="), route.path
        assert script.status_code == 401, route.path


def test_every_page_refuses_a_role_that_is_too_low(settings: Settings, signed_in: MemberOf) -> None:
    members = {role: signed_in(role) for role in ROLES[:-1]}
    for route in routes_for(True, settings):
        for role in ROLES[: ROLES.index(str(route.role))]:
            response = members[role].http.request(
                method_of(route), path_of(route), data={"csrf_token": members[role].csrf_token}
            )
            assert response.status_code == 403, f"{role} on {route.path}"
            assert "may not do this" in response.text


def test_every_form_is_refused_without_its_token(settings: Settings, signed_in: MemberOf) -> None:
    members = {role: signed_in(role) for role in ROLES}
    posts = [r for r in routes_for(True, settings) if method_of(r) == "POST"]
    assert len(posts) > 5
    for route in posts:
        for forged in ({}, {"csrf_token": "x" * 43}):
            response = members[str(route.role)].http.post(path_of(route), data=forged)
            assert response.status_code == 403, route.path
            assert "form is too old" in response.text


def test_a_form_of_another_website_is_refused_even_with_the_token(signed_in: MemberOf) -> None:
    admin = signed_in("admin")
    response = admin.http.post(
        "/staff/accounts/viewer/disable",
        data={"csrf_token": admin.csrf_token},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert response.status_code == 403
    assert "another website" in response.text
    assert admin.get("/staff/accounts/viewer").text.count("disabled") == 0


def test_the_token_of_one_session_is_of_no_use_in_another(signed_in: MemberOf) -> None:
    one, other = signed_in("admin"), signed_in("admin")
    other.csrf_token = one.csrf_token
    assert other.post("/staff/accounts/viewer/disable").status_code == 403


# ── signing in and out ──────────────────────────────────────────────────────────────────────


def test_after_signing_in_one_is_where_one_wanted_to_be(new_member: NewMember) -> None:
    response = new_member().sign_in("viewer", to="/staff/answers?show=draft")
    assert response.headers["Location"] == "/staff/answers?show=draft"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/staff", "//evil.example/staff", "/\\evil.example", "/", "javascript:1",
     "/staffing", "/staff/../x\n", "staff"],
)  # fmt: skip
def test_signing_in_never_leads_elsewhere(elsewhere: str) -> None:
    assert own_address(elsewhere) == "/staff"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    signed_in: MemberOf, new_member: NewMember
) -> None:
    header = next(
        value
        for name, value in new_member().sign_in("viewer").headers.multi_items()
        if name == "set-cookie" and value.startswith("medassist_staff=")
    )
    token, *attributes = header.split("; ")
    assert len(token.partition("=")[2]) >= 43
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(attributes)


def test_behind_https_the_cookie_is_secure_and_bound_to_the_host(settings: Settings) -> None:
    secure = load_settings(
        {"MEDASSIST_VAR": str(settings.var), "MEDASSIST_PUBLIC_URL": "https://chat.example.org"}
    )
    from starlette.testclient import TestClient

    from medassist.storage.database import migrate, open_database

    engine = open_database(secure.database_url)
    migrate(engine)
    accounts.add_account(engine, "kim", "viewer", password=PASSWORD)
    client = TestClient(
        create_app(secure), base_url="https://chat.example.org", follow_redirects=False
    )
    token = hidden(client.get("/staff/sign-in", headers=AS_BROWSER).text, "token")
    response = client.post(
        "/staff/sign-in", data={"token": token, "name": "kim", "password": PASSWORD}
    )
    cookie = next(c for c in response.headers.get_list("set-cookie") if c.startswith("__Host-"))
    assert "Secure" in cookie
    assert "Path=/;" in cookie + ";"
    assert "Domain" not in cookie


def test_the_database_does_not_hold_what_the_cookie_holds(
    signed_in: MemberOf, engine: Engine
) -> None:
    member = signed_in("viewer")
    token = member.http.cookies["medassist_staff"]
    with engine.connect() as connection:
        rows = connection.execute(select(staff_sessions)).all()
    assert len(rows) == 1
    assert token not in repr(rows)


def test_a_token_that_somebody_planted_before_does_not_become_a_session(
    new_member: NewMember,
) -> None:
    member = new_member()
    response = member.sign_in("viewer", planted="planted")
    assert "medassist_staff=planted" not in response.headers["Set-Cookie"]
    member.http.cookies.clear()
    planted = member.get("/staff/me", headers={"Cookie": "medassist_staff=planted"})
    assert planted.status_code == 303


def test_who_signs_out_is_out_also_with_the_old_cookie(signed_in: MemberOf) -> None:
    member = signed_in("viewer")
    kept = member.http.cookies["medassist_staff"]
    assert member.post("/staff/sign-out").headers["Location"] == "/staff/sign-in"
    old = {"Cookie": f"medassist_staff={kept}"}
    assert member.get("/staff/me", headers=old).status_code == 303


def test_who_is_idle_is_signed_out(signed_in: MemberOf, engine: Engine, settings: Settings) -> None:
    member = signed_in("viewer")
    long_ago = datetime.now(timezone.utc) - timedelta(seconds=settings.session_idle_seconds + 1)
    with engine.begin() as connection:
        connection.execute(update(staff_sessions).values(used_at=long_ago))
    assert member.get("/staff/me").status_code == 303


def test_who_works_stays_signed_in_but_not_for_ever(
    signed_in: MemberOf, engine: Engine, settings: Settings
) -> None:
    member = signed_in("viewer")
    before = datetime.now(timezone.utc) - timedelta(seconds=settings.session_idle_seconds - 5)
    with engine.begin() as connection:
        connection.execute(update(staff_sessions).values(used_at=before))
    assert member.get("/staff/me").status_code == 200
    with engine.connect() as connection:
        used = accounts.utc(connection.execute(select(staff_sessions.c.used_at)).scalar())
    assert used is not None
    assert used > before + timedelta(seconds=60)
    with engine.begin() as connection:
        connection.execute(update(staff_sessions).values(began_at=before - timedelta(hours=13)))
    assert member.get("/staff/me").status_code == 303


def test_a_changed_role_counts_at_once(signed_in: MemberOf, engine: Engine) -> None:
    member = signed_in("clinician")
    accounts.change_role(engine, "clinician", "admin")
    assert member.get("/staff/accounts").status_code == 200
    accounts.change_role(engine, "clinician", "viewer")
    assert member.get("/staff/accounts").status_code == 403


# ── keeping guessers out ────────────────────────────────────────────────────────────────────


def test_a_thousand_wrong_passwords_open_nothing_and_lock_the_account(
    clinic: Served, new_member: NewMember, engine: Engine
) -> None:
    guesser = new_member()
    token = hidden(guesser.get("/staff/sign-in").text, "token")
    statuses = [
        guesser.http.post(
            "/staff/sign-in",
            data={"token": token, "name": "admin", "password": f"guess {n}"},
            headers={"Cookie": f"medassist_sign_in={token}"},
        ).status_code
        for n in range(1000)
    ]
    assert set(statuses) == {403, 429}
    assert statuses.count(403) <= 20
    assert accounts.find_account(engine, "admin").is_locked
    refused = [e for e in audit.entries(engine, limit=2000) if e.action == "sign_in"]
    assert len(refused) == statuses.count(403)
    assert {e.outcome for e in refused} == {"refused"}


def test_the_sixth_try_fails_even_with_the_right_password_until_the_lock_is_lifted(
    new_member: NewMember, signed_in: MemberOf, engine: Engine
) -> None:
    admin, member = signed_in("admin"), new_member()
    for _ in range(5):
        assert member.sign_in("triage", "wrong password").status_code == 403
    assert member.sign_in("triage").status_code == 403
    assert "locked" in admin.get("/staff/accounts").text
    assert admin.post("/staff/accounts/triage/unlock").status_code == 303
    assert member.sign_in("triage").status_code == 303


def test_one_cannot_tell_which_names_exist(new_member: NewMember, engine: Engine) -> None:
    accounts.disable(engine, "viewer")
    member = new_member()

    def told(name: str, password: str) -> str:
        page = member.sign_in(name, password).text
        return re.sub(r'value="[^"]*"', "", page)

    wrong = told("admin", "wrong password")
    assert told("nobody", "wrong password") == wrong
    assert told("viewer", PASSWORD) == wrong
    for _ in range(5):
        told("admin", "wrong password")
    assert told("admin", PASSWORD) == wrong


def test_a_sign_in_form_that_another_site_sends_is_refused(clinic: Served) -> None:
    response = httpx.post(
        f"{clinic.url}/staff/sign-in",
        data={"token": "", "name": "admin", "password": PASSWORD},
        headers=AS_BROWSER,
    )
    assert response.status_code == 403
    assert "medassist_staff" not in response.headers.get("set-cookie", "")


# ── what is sent ────────────────────────────────────────────────────────────────────────────


def test_a_form_of_100_kb_is_refused_in_plain_words(signed_in: MemberOf) -> None:
    response = signed_in("admin").post("/staff/accounts", name="x" * 100_000)
    assert response.status_code == 413
    assert "too much text" in response.text


def test_a_script_in_a_name_stays_text(signed_in: MemberOf, engine: Engine) -> None:
    admin = signed_in("admin")
    script = "<script>alert(1)</script>"
    admin.post("/staff/accounts/viewer", role="viewer", shown_as=script)
    page = admin.get("/staff/accounts").text
    assert script not in page
    assert "&lt;script&gt;" in page
    assert script not in admin.get(f"/staff/audit?account={script}").text


def test_every_console_page_carries_the_strict_policy_and_is_not_kept(signed_in: MemberOf) -> None:
    for path in ("/staff/me", "/staff/accounts", "/staff/audit", "/staff/nothing"):
        headers = signed_in("admin").get(path).headers
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"


def test_without_its_database_the_console_says_so(clinic: Served, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(staff_sessions.delete())
        connection.exec_driver_sql("DROP TABLE staff_sessions")
    response = httpx.get(
        f"{clinic.url}/staff/me", headers=AS_BROWSER, cookies={"medassist_staff": "x"}
    )
    assert response.status_code == 503
    assert "database cannot be used" in response.text
    assert "staff_sessions" not in response.text


# ── the record ──────────────────────────────────────────────────────────────────────────────


def test_what_staff_see_and_do_is_written_down_with_who_and_what(
    signed_in: MemberOf, engine: Engine
) -> None:
    admin, viewer = signed_in("admin"), signed_in("viewer")
    admin.get("/staff/accounts/triage")
    admin.post("/staff/accounts/triage/disable")
    viewer.get("/staff/accounts/triage")
    told = [(e.account, e.role, e.action, e.object, e.outcome) for e in audit.entries(engine)]
    assert told[:3] == [
        ("viewer", "viewer", "see_account", "account triage", "refused"),
        ("admin", "admin", "disable_account", "account triage", "done"),
        ("admin", "admin", "see_account", "account triage", "done"),
    ]


def test_the_audit_log_can_be_filtered_and_saved(signed_in: MemberOf, engine: Engine) -> None:
    admin = signed_in("admin")
    admin.get("/staff/accounts/triage")
    audit.record(engine, account="=cmd()", role="", action="sign_in", outcome="refused")
    page = admin.get("/staff/audit", params={"object": "account triage"}).text
    assert "see account" in page
    assert "sign out" not in re.findall(r'data-column="Did what">([^<]*)<', page)
    saved = admin.get("/staff/audit.csv")
    assert saved.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in saved.headers["Content-Disposition"]
    assert ",see_account,account triage,done," in saved.text
    assert "'=cmd()" in saved.text
    day = datetime.now(Clinics(load_settings({})).default.zone).date()  # days are the clinic's
    tomorrow = (day + timedelta(days=1)).isoformat()
    assert "see_account" not in admin.get(f"/staff/audit.csv?from={tomorrow}").text
    assert "see_account" in admin.get(f"/staff/audit.csv?from={day}&to={day}").text
    assert admin.get("/staff/audit?from=yesterday").status_code == 400


def test_older_entries_are_a_page_away(signed_in: MemberOf, engine: Engine) -> None:
    admin = signed_in("admin")
    for number in range(150):
        audit.record(
            engine, account="kim", role="triage", action="see_case", object=f"case {number}"
        )
    first = admin.get("/staff/audit?account=kim").text
    older = re.search(r'href="(/staff/audit\?[^"]*before=\d+)"', first)
    assert older
    second = admin.get(older.group(1).replace("&amp;", "&")).text
    shown = re.findall(r"case (\d+)<", first) + re.findall(r"case (\d+)<", second)
    assert shown == [str(n) for n in reversed(range(150))]


def test_a_password_typed_into_the_wrong_field_is_not_written_down(
    new_member: NewMember, engine: Engine
) -> None:
    new_member().sign_in("hunter2hunter2", "hunter2hunter2")
    assert audit.entries(engine)[0].account == "(unknown name)"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_no_cell_of_a_file_is_a_formula(text: str) -> None:
    cell = as_csv(["text"], [[text]]).split("\r\n", 1)[1].strip("\r\n").strip('"')
    assert cell.startswith("'")


# ── accounts ────────────────────────────────────────────────────────────────────────────────


def test_a_new_account_gets_a_password_that_works_and_is_shown_once(
    signed_in: MemberOf, new_member: NewMember
) -> None:
    admin = signed_in("admin")
    page = admin.post("/staff/accounts", name="Ann", shown_as="Nurse Ann", role="triage").text
    found = re.search(r"<code>([^<]+)</code>", page)
    assert found
    assert found.group(1) not in admin.get("/staff/accounts/ann").text
    assert new_member().sign_in("ann", found.group(1)).status_code == 303
    assert "already" in admin.post("/staff/accounts", name="ann", role="triage").text


def test_a_disabled_account_is_out_at_once(signed_in: MemberOf) -> None:
    admin, triage = signed_in("admin"), signed_in("triage")
    admin.post("/staff/accounts/triage/disable")
    assert triage.get("/staff/me").status_code == 303
    admin.post("/staff/accounts/triage/enable")
    assert triage.get("/staff/me").status_code == 303
    assert triage.sign_in("triage").status_code == 303


def test_a_new_password_ends_the_old_sign_ins(signed_in: MemberOf, new_member: NewMember) -> None:
    admin, triage = signed_in("admin"), signed_in("triage")
    page = admin.post("/staff/accounts/triage/password").text
    assert triage.get("/staff/me").status_code == 303
    assert new_member().sign_in("triage").status_code == 403
    fresh = re.findall(r"<code>([^<]+)</code>", page)[0]
    assert new_member().sign_in("triage", fresh).status_code == 303


def test_the_last_administrator_stays_one(signed_in: MemberOf, engine: Engine) -> None:
    admin = signed_in("admin")
    for path, fields in (("/disable", {}), ("", {"role": "viewer", "shown_as": "Admin"})):
        response = admin.post(f"/staff/accounts/admin{path}", **fields)
        assert response.status_code == 409
        assert "last administrator" in response.text
    assert accounts.find_account(engine, "admin").role == "admin"
    assert accounts.find_account(engine, "admin").active


def test_one_changes_ones_own_password_with_the_old_one(
    signed_in: MemberOf, new_member: NewMember
) -> None:
    one, other = signed_in("viewer"), signed_in("viewer")
    new = "another long password"
    wrong = one.post("/staff/me/password", old="not it", new=new, again=new)
    unlike = one.post("/staff/me/password", old=PASSWORD, new=new, again=new + "x")
    short = one.post("/staff/me/password", old=PASSWORD, new="short", again="short")
    assert [r.status_code for r in (wrong, unlike, short)] == [409, 409, 409]
    assert one.post("/staff/me/password", old=PASSWORD, new=new, again=new).status_code == 303
    assert one.get("/staff/me").status_code == 200
    assert other.get("/staff/me").status_code == 303
    assert new_member().sign_in("viewer", new).status_code == 303


def test_without_a_provider_in_the_settings_there_is_no_such_sign_in(
    new_member: NewMember,
) -> None:
    member = new_member()
    assert "clinic’s account" not in member.get("/staff/sign-in").text
    assert member.get("/staff/sign-in/clinic").status_code == 404
    assert member.get("/staff/sign-in/clinic/done").status_code == 404
