"""A patient's data in the console: an administrator hands it out, or deletes it for good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import Engine

from medassist.cases import handovers
from medassist.cases.cases import find_case, history, resolve
from medassist.privacy.erasure import receipts
from medassist.settings import Settings
from medassist.staff import audit
from medassist.storage.database import open_database
from medassist.storage.tables import incoming_messages
from tests.privacy.held import NAME, PHONE, hold, holding, in_chat, wait_in
from tests.staff.conversations import make_events, write
from tests.web.console.staff import StaffMember

SURE = {"sure": "yes"}
EVEN_AN_EMERGENCY = {**SURE, "even_emergency": "yes"}


@pytest.fixture
def tracker(settings: Settings) -> Iterator[Engine]:
    """Rasa's database."""
    engine = open_database(settings.tracker_database_url)
    make_events(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def emergency(engine: Engine, tracker: Engine) -> int:
    """A case that is open: somebody took 30 tablets, by text message."""
    return hold(engine, tracker)


@pytest.fixture
def case(engine: Engine, emergency: int) -> int:
    """The same, closed."""
    handovers.end(engine, "sms-1", "staff")
    resolve(engine, emergency, "kim", "advised")
    return emergency


@pytest.fixture
def admin(signed_in: Callable[[str], StaffMember]) -> StaffMember:
    return signed_in("admin")


def page_of(case: int) -> str:
    return f"/staff/cases/{case}/patient-data"


def assert_refused(answer: httpx.Response, status: int, said: str) -> None:
    assert answer.status_code == status
    assert said in answer.text
    assert 'role="alert"' in answer.text


def assert_all_is_there(engine: Engine, tracker: Engine) -> None:
    assert in_chat(NAME, tracker) == 3
    assert len({table for table, _row in holding(NAME, engine, tracker)}) >= 9
    assert receipts(engine) == []


# ── deleting ────────────────────────────────────────────────────────────────────────────────


def test_an_administrator_deletes_every_word_and_the_fact_the_receipt_and_the_entry_stay(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    before = find_case(engine, case)
    assert f'href="{page_of(case)}"' in admin.get(f"/staff/cases/{case}").text
    done = admin.post(page_of(case), **SURE)
    assert (done.status_code, done.headers["location"]) == (303, page_of(case))
    assert holding(NAME, engine, tracker) == []
    assert holding(PHONE, engine, tracker) == []
    assert find_case(engine, case) == before
    assert history(engine, case)[-1]["event"] == "erased"
    (receipt,) = receipts(engine)
    assert (receipt.conversation, receipt.by) == ("sms-1", "admin")
    entry = audit.entries(engine)[0]
    assert (entry.account, entry.role, entry.action, entry.object, entry.outcome) == (
        "admin", "admin", "erase", "conversation sms-1", "done",
    )  # fmt: skip
    for _ in range(2):  # the number can be looked up again
        page = admin.get(page_of(case)).text
        assert receipt.number in page
        assert f'href="/staff/cases/{case}"' in page
    assert "This chat was erased" in admin.get(f"/staff/cases/{case}").text


def test_nothing_of_another_patient_is_deleted(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    hold(engine, tracker, "sms-2", "+15550100999")
    before = holding("sms-2", engine, tracker)
    assert admin.post(page_of(case), **SURE).status_code == 303
    assert holding("sms-2", engine, tracker) == before


def test_the_page_says_what_goes_what_stays_and_that_it_is_for_good(
    admin: StaffMember, case: int
) -> None:
    page = admin.get(page_of(case)).text
    for words in ("What is deleted", "What stays", "level", "audit log", "cannot be undone"):
        assert words in page
    assert NAME not in page
    assert "<script" not in page
    assert 'name="sure"' in page
    assert 'name="even_emergency"' not in page
    assert 'name="even_waiting"' not in page


@pytest.mark.parametrize("role", ["viewer", "triage", "clinician"])
def test_nobody_but_an_administrator_may(
    signed_in: Callable[[str], StaffMember], engine: Engine, tracker: Engine, case: int, role: str
) -> None:
    member = signed_in(role)
    assert "patient-data" not in member.get(f"/staff/cases/{case}").text
    for answer in (
        member.get(page_of(case)),
        member.get(f"{page_of(case)}.json"),
        member.post(page_of(case), **SURE),
    ):
        assert_refused(answer, 403, "Your account may not do this.")
        assert NAME not in answer.text
    assert_all_is_there(engine, tracker)
    assert audit.entries(engine)[0].outcome == "refused"


def test_a_form_without_the_token_deletes_nothing(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    assert_refused(admin.http.post(page_of(case), data=SURE), 403, "form is too old")
    assert_all_is_there(engine, tracker)


def test_without_the_tick_nothing_is_deleted(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    assert_refused(admin.post(page_of(case)), 409, "Nothing was deleted: please tick")
    assert_all_is_there(engine, tracker)
    assert audit.entries(engine)[0].outcome == "refused"


def test_an_open_emergency_wants_a_tick_of_its_own(
    admin: StaffMember, engine: Engine, tracker: Engine, emergency: int
) -> None:
    assert 'name="even_emergency"' in admin.get(page_of(emergency)).text
    assert_refused(admin.post(page_of(emergency), **SURE), 409, "an emergency is still open")
    assert_all_is_there(engine, tracker)
    handovers.end(engine, "sms-1", "staff")
    done = admin.post(page_of(emergency), **EVEN_AN_EMERGENCY)
    assert done.status_code == 303
    assert holding(NAME, engine, tracker) == []
    assert find_case(engine, emergency).status == "open"


def test_while_staff_talk_with_the_patient_nothing_is_deleted(
    admin: StaffMember, engine: Engine, tracker: Engine, emergency: int
) -> None:
    answer = admin.post(page_of(emergency), **EVEN_AN_EMERGENCY)
    assert_refused(answer, 409, "staff are talking with this patient")
    assert_all_is_there(engine, tracker)


def test_a_message_that_waits_wants_a_tick_of_its_own(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    wait_in(incoming_messages, engine, "sms-1")
    answer = admin.post(page_of(case), **SURE)
    assert_refused(answer, 409, "still waits to be read or sent")
    assert "--even-waiting" not in answer.text  # of the command line
    assert 'name="even_waiting"' in answer.text
    assert_all_is_there(engine, tracker)
    assert admin.post(page_of(case), **SURE, even_waiting="yes").status_code == 303
    assert holding(NAME, engine, tracker) == []


def test_what_is_deleted_cannot_be_deleted_again_and_what_is_not_there_not_at_all(
    admin: StaffMember, engine: Engine, case: int
) -> None:
    admin.post(page_of(case), **SURE)
    assert_refused(admin.post(page_of(case), **SURE), 409, "Nothing is held")
    assert len(receipts(engine)) == 1
    for answer in (
        admin.get(page_of(999)),
        admin.get(f"{page_of(999)}.json"),
        admin.post(page_of(999), **SURE),
    ):
        assert_refused(answer, 404, "There is no case 999.")


def test_a_database_that_fails_is_told_and_the_next_try_goes_on(
    admin: StaffMember, engine: Engine, tracker: Engine, settings: Settings, case: int
) -> None:
    tracker.dispose()
    file = Path(settings.tracker_database_url.removeprefix("sqlite:///"))
    kept = file.read_bytes()
    file.write_bytes(b"no database " * 1000)
    assert_refused(admin.post(page_of(case), **SURE), 503, "The database cannot be used right now.")
    assert audit.entries(engine)[0].outcome == "failed"
    file.write_bytes(kept)
    assert admin.post(page_of(case), **SURE).status_code == 303
    assert holding(NAME, engine, tracker) == []
    assert len(receipts(engine)) == 1


# ── handing out ─────────────────────────────────────────────────────────────────────────────


def test_the_file_holds_what_is_held_of_this_patient_and_of_nobody_else(
    admin: StaffMember, engine: Engine, tracker: Engine, case: int
) -> None:
    hold(engine, tracker, "sms-2", "+15550100999")
    write(tracker, find_case(engine, case).opened_at, "Grüezi", conversation="sms-1")
    assert f'href="{page_of(case)}.json"' in admin.get(page_of(case)).text
    file = admin.get(f"{page_of(case)}.json")
    assert file.status_code == 200
    assert file.headers["Content-Type"] == "application/json"
    assert file.headers["Content-Disposition"] == f'attachment; filename="case-{case}.json"'
    assert file.headers["Cache-Control"] == "no-store"
    held = json.loads(file.text)
    assert held["contacts"][0]["address"] == PHONE
    assert held["events"][-2]["data"]["text"] == "Grüezi"
    assert held["cases"][0]["id"] == case
    assert "sms-2" not in file.text
    assert "+15550100999" not in file.text
    entry = audit.entries(engine)[0]
    assert (entry.account, entry.action, entry.object, entry.outcome) == (
        "admin", "export", "conversation sms-1", "done",
    )  # fmt: skip
