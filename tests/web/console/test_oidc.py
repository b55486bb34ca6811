"""Signing in with the clinic's own accounts: nobody unknown, and nothing unsigned, gets in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy.engine import Engine

from medassist.settings import Settings
from medassist.staff import accounts, audit
from tests.web.conftest import settings_in
from tests.web.console.provider_stand_in import CLIENT_ID, CLIENT_SECRET, StandInProvider
from tests.web.console.staff import PASSWORD, StaffMember
from tests.web.served import Served, free_port

NewMember = Callable[[], StaffMember]


@pytest.fixture
def provider() -> Iterator[StandInProvider]:
    port = free_port()
    stand_in = StandInProvider(f"http://127.0.0.1:{port}")
    served = Served(lambda: stand_in.app, port)
    served.start()
    yield stand_in
    served.stop()


@pytest.fixture
def settings(tmp_path: Path, provider: StandInProvider) -> Settings:
    return replace(
        settings_in(tmp_path),
        oidc_issuer=provider.url,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
    )


@pytest.fixture
def ann(engine: Engine) -> Engine:
    """An administrator has made an account for Ann's sign-in at the clinic's provider."""
    accounts.add_account(engine, "ann", "triage", shown_as="Ann")
    return engine


def through_the_provider(member: StaffMember, to: str = "/staff/me") -> httpx.Response:
    """Follow every step as a browser does; the last answer of the console."""
    off = member.get("/staff/sign-in/clinic", params={"next": to})
    assert off.status_code == 302, off.text
    back = httpx.get(off.headers["Location"], trust_env=False)
    return member.get(back.headers["Location"])


def was_let_in(member: StaffMember) -> bool:
    return member.get("/staff/me").status_code == 200


def test_the_form_offers_the_clinics_sign_in(new_member: NewMember) -> None:
    page = new_member().get("/staff/sign-in?next=/staff/answers").text
    assert 'href="/staff/sign-in/clinic?next=/staff/answers"' in page


def test_who_has_an_account_comes_in_and_is_known_by_subject_from_then_on(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    member = new_member()
    page = through_the_provider(member, "/staff/answers?state=approved")
    assert page.status_code == 200
    assert 'content="0; url=/staff/answers?state=approved"' in page.text
    assert was_let_in(member)
    provider.person = {"sub": "u-1", "preferred_username": "ann-has-married"}
    again = new_member()
    through_the_provider(again)
    assert was_let_in(again)
    signed = [e.outcome for e in audit.entries(ann, action="sign_in_clinic")]
    assert signed == ["done", "done"]


def test_somebody_else_under_the_same_name_stays_out(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    through_the_provider(new_member())
    provider.person = {"sub": "u-2", "preferred_username": "ann"}
    member = new_member()
    through_the_provider(member)
    assert not was_let_in(member)


def test_nobody_unknown_gets_in_and_is_told_so(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    provider.person = {"sub": "u-9", "preferred_username": "stranger"}
    member = new_member()
    response = through_the_provider(member)
    assert "there is no account here for it" in member.get(response.headers["Location"]).text
    assert not was_let_in(member)
    assert [a.name for a in accounts.all_accounts(ann) if a.name == "stranger"] == []


def test_a_name_at_the_provider_never_opens_an_account_with_a_password(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    provider.person = {"sub": "u-9", "preferred_username": "admin"}
    member = new_member()
    through_the_provider(member)
    assert not was_let_in(member)


def test_a_mail_address_counts_as_a_name_only_if_the_provider_has_verified_it(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    accounts.add_account(ann, "bo@clinic.example", "viewer")
    provider.person = {"sub": "u-3", "email": "bo@clinic.example", "email_verified": False}
    member = new_member()
    through_the_provider(member)
    assert not was_let_in(member)
    provider.person["email_verified"] = True
    through_the_provider(member)
    assert was_let_in(member)


def test_a_disabled_account_stays_out(ann: Engine, new_member: NewMember) -> None:
    through_the_provider(new_member())
    accounts.disable(ann, "ann")
    member = new_member()
    through_the_provider(member)
    assert not was_let_in(member)


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    return ".".join([*coded, ""])


@pytest.mark.parametrize(
    "wrong",
    [
        {"changed_claims": {"nonce": "of another sign-in"}},
        {"changed_claims": {"nonce": None}},
        {"changed_claims": {"aud": "another-client"}},
        {"changed_claims": {"iss": "https://evil.example"}},
        {"changed_claims": {"exp": 1_000_000_000}},
        {"changed_claims": {"exp": None}},
        {"changed_claims": {"sub": None}},
        {"signs_with": RSAKey.generate_key(2048, {"kid": "one"})},
        {"id_token": "not.a.token"},
        {"id_token": unsigned({"iss": "x", "sub": "u-1", "preferred_username": "ann"})},
        {"gives_id_token": False},
        {"issuer": "https://evil.example"},
    ],
    ids=str,
)
def test_a_token_that_is_not_right_in_everything_opens_nothing(
    ann: Engine, new_member: NewMember, provider: StandInProvider, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(provider, name, value)
    member = new_member()
    if "issuer" in wrong:
        response = member.get("/staff/sign-in/clinic")
    else:
        response = through_the_provider(member)
    assert response.status_code == 303
    assert "did not work" in member.get(response.headers["Location"]).text
    assert not was_let_in(member)
    assert accounts.find_account(ann, "ann").subject is None


def test_the_way_back_of_one_browser_is_of_no_use_in_another(
    ann: Engine, new_member: NewMember
) -> None:
    one, other = new_member(), new_member()
    off = one.get("/staff/sign-in/clinic")
    back = httpx.get(off.headers["Location"], trust_env=False).headers["Location"]
    other.get("/staff/sign-in/clinic")
    other.get(back)
    assert not was_let_in(other)
    bare = new_member()
    bare.get(back)
    assert not was_let_in(bare)


def test_only_the_short_cookie_goes_along_with_other_sites(new_member: NewMember) -> None:
    cookie = new_member().get("/staff/sign-in/clinic").headers["Set-Cookie"]
    assert "SameSite=lax" in cookie
    assert "HttpOnly" in cookie
    assert "Max-Age=600" in cookie
    assert "Path=/staff/sign-in/clinic" in cookie


def test_a_provider_that_is_down_is_said_in_plain_words(
    clinic: Served, new_member: NewMember, provider: StandInProvider
) -> None:
    provider.app.routes.clear()
    member = new_member()
    response = member.get("/staff/sign-in/clinic")
    assert "did not work" in member.get(response.headers["Location"]).text


def test_an_account_can_be_moved_to_the_clinics_sign_in(
    ann: Engine, new_member: NewMember, provider: StandInProvider
) -> None:
    admin = new_member()
    admin.sign_in("admin")
    assert admin.post("/staff/accounts/viewer/drop-password").status_code == 303
    assert admin.post("/staff/accounts/admin/drop-password").status_code == 409
    member = new_member()
    assert member.sign_in("viewer", PASSWORD).status_code == 403
    provider.person = {"sub": "u-5", "preferred_username": "viewer"}
    through_the_provider(member)
    assert was_let_in(member)
    assert admin.post("/staff/accounts/viewer/forget-provider").status_code == 303
    assert not was_let_in(member)
