"""The pages around the cases, in a real Chromium: usable by everyone, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine

from medassist.medicines.answers import Answers, digest_of
from medassist.medicines.reviews import decide
from medassist.settings import Settings
from medassist.staff import accounts
from medassist.storage.database import open_database
from medassist.storage.tables import answer_versions, cases, content_gaps, thumbs
from tests.staff.conversations import make_events, write
from tests.web.console.staff import PASSWORD
from tests.web.console.test_live_console import (  # noqa: F401 (the same browser for all)
    DESK,
    PHONE,
    browser,
    new_page,
    pytestmark,
    staff_page,
)
from tests.web.served import Served

StaffPage = Callable[..., Page]


@pytest.fixture
def busy(engine: Engine, settings: Settings) -> Engine:
    """A clinic in which something has happened: every part of every page has something to show."""
    moment = datetime.now(timezone.utc) - timedelta(hours=2)
    conversations = open_database(settings.tracker_database_url)
    make_events(conversations)
    for channel in ("website", "telegram", "sms"):
        write(conversations, moment, f"my legs jump {'so' * 60}", confidence=0.4, channel=channel)
    conversations.dispose()
    with engine.begin() as connection:
        connection.execute(
            insert(content_gaps).values(
                conversation="w", medicine="ibuprofen", topic="side_effects", question="?"
            )
        )
        connection.execute(
            insert(thumbs).values(
                conversation="w",
                message_id="m.0",
                answer_id="dose",
                medicine="baclofen",
                topic="dose",
                up=False,
                why="too long for me",
            )
        )
        connection.execute(
            insert(cases).values(
                conversation="w",
                channel="website",
                level="emergency",
                kind="overdose",
                status="closed",
                opened_at=moment,
                level_since=moment,
                acknowledged_at=moment + timedelta(minutes=3),
                outcome="poison_line",
            )
        )
        row = connection.execute(
            select(answer_versions).where(answer_versions.c.answer_id == "dose")
        ).one()
        changed = {**row.content, "answer": {**row.content["answer"]}}
        changed["answer"]["statement"] = {"text": "Another text.", "sources": ["medlib"]}
        connection.execute(
            update(answer_versions).where(answer_versions.c.id == row.id).values(in_force=False)
        )
        second = connection.execute(
            insert(answer_versions).values(
                **{
                    **{k: v for k, v in row._mapping.items() if k not in ("id", "loaded_at")},
                    "version": 2,
                    "content": changed,
                    "digest": digest_of(changed),
                }
            )
        ).inserted_primary_key[0]
    decide(engine, second, "returned", "clinician", "Say it as before.")
    accounts.add_account(engine, "ann", "viewer", shown_as="A name that is rather long, isn’t it")
    accounts.disable(engine, "ann")
    return engine


PAGES = (
    "/staff/me",
    "/staff/accounts",
    "/staff/accounts/ann",
    "/staff/accounts/triage",
    "/staff/audit",
    "/staff/audit?account=nobody",
    "/staff/answers",
    "/staff/answers?state=withdrawn",
    "/staff/answers/baclofen/dose",
    "/staff/asked",
    "/staff/asked?from=2020-01-01&to=2020-01-02",
    "/staff/asked?from=never",
    "/staff/cases/1/patient-data",
    "/staff/nothing",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page(
    staff_page: StaffPage,  # noqa: F811
    new_page: StaffPage,  # noqa: F811
    clinic: Served,
    busy: Engine,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    found: list[str] = []

    def look(page: Page, what: str) -> None:
        result = Axe().run(page, options={"resultTypes": ["violations"]})
        if result.violations_count:
            found.append(f"{what}: {result.generate_report()}")
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            found.append(f"{what}: {over} px too wide")

    stranger = new_page(viewport=viewport, color_scheme=scheme)
    stranger.goto(f"{clinic.url}/staff")
    look(stranger, "sign-in")
    stranger.get_by_label("Name").fill("admin")
    stranger.get_by_label("Password").fill("wrong password")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("alert")).to_contain_text("That did not work")
    look(stranger, "sign-in refused")

    admin = staff_page("admin", to="/staff/me", viewport=viewport, color_scheme=scheme)
    for path in PAGES:
        admin.goto(f"{clinic.url}{path}")
        for summary in admin.locator("main details > summary").all():
            summary.click()
        look(admin, path)
    admin.goto(f"{clinic.url}/staff/accounts")
    admin.get_by_label("Name to sign in with").fill("bo")
    admin.get_by_label("viewer").check()
    admin.get_by_role("button", name="Add account").click()
    expect(admin.get_by_text("This is shown only now")).to_be_visible()
    look(admin, "new password")
    clinician = staff_page("clinician", to="/staff/me", viewport=viewport, color_scheme=scheme)
    clinician.goto(f"{clinic.url}/staff/answers/baclofen/dose")
    look(clinician, "answer to decide on")
    assert found == []


def test_a_narrow_screen_holds_every_page(
    staff_page: StaffPage,  # noqa: F811
    clinic: Served,
    busy: Engine,
) -> None:
    admin = staff_page("admin", to="/staff/me", viewport={"width": 320, "height": 640})
    for path in PAGES:
        admin.goto(f"{clinic.url}{path}")
        assert admin.evaluate("document.documentElement.scrollWidth") <= 320, path


def focused(page: Page) -> str:
    return str(
        page.evaluate(
            "() => { const e = document.activeElement;"
            " return (e.textContent || '').trim() || e.name || e.id || e.tagName; }"
        )
    )


def tab_to(page: Page, words: str) -> None:
    """Press Tab until something that begins with these words has the focus."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if focused(page).startswith(words):
            return
    raise AssertionError(f"no way by keyboard to {words!r}")


def test_an_answer_is_found_and_approved_by_keyboard_alone(
    new_page: StaffPage,  # noqa: F811
    clinic: Served,
    engine: Engine,
) -> None:
    page = new_page()
    page.goto(f"{clinic.url}/staff/answers")
    page.keyboard.type("clinician")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{clinic.url}/staff/answers")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "words")
    page.keyboard.type("catch up")
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/answers?words=catch+up*")
    tab_to(page, "missed_dose")
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/answers/baclofen/missed_dose*")
    answer_id = page.url.rpartition("/")[2]
    tab_to(page, "Approve")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Approved. The bot says so from now on.")
    found = Answers(engine).get("baclofen", answer_id)
    assert found is not None
    assert found.review == "clinician-approved"


def test_a_message_is_labelled_with_one_click(
    staff_page: StaffPage,  # noqa: F811
    clinic: Served,
    busy: Engine,
) -> None:
    kim = staff_page("triage", to="/staff/me")
    kim.goto(f"{clinic.url}/staff/asked")
    messages = kim.locator(".unsure li")
    expect(messages).to_have_count(3)
    messages.first.get_by_role("button", name="dose").click()
    expect(kim.get_by_role("status")).to_have_text("Kept as: dose.")
    expect(messages).to_have_count(2)
    with kim.expect_download() as saved:
        kim.get_by_role("link", name="1 labelled, as training examples").click()
    assert "- intent: ask_dose" in saved.value.path().read_text(encoding="utf-8")
