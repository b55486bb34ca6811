"""What the queue, a case, its sheet and the triage desk show, and what they keep."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.engine import Engine

from medassist.cases.cases import find_case, history, open_case, open_cases
from medassist.cases.contacts import contact_at, opt_out
from medassist.settings import Settings
from medassist.storage.tables import case_events, cases, metadata
from tests.web.console.cases import MISTAKE, OVERDOSE, conversation_with
from tests.web.console.staff import StaffMember, hidden
from tests.web.console.understanding import understand
from tests.web.rasa_stand_in import StandInRasa
from tests.web.served import Served

SCRIPT = "<script>alert(1)</script> I took 12 baclofen <img src=x onerror=alert(2)>"


@pytest.fixture
def rasa(settings: Settings) -> StandInRasa:
    understand("ready?")  # the rules are read before anybody waits for them
    return StandInRasa(
        settings.front_door_url,
        understand=understand,
        tracker_database=settings.tracker_database_url,
    )


@pytest.fixture
def nurse(signed_in: Callable[[str], StaffMember]) -> StaffMember:
    return signed_in("triage")


def words_of(page: str) -> str:
    """A page without its markup."""
    inline = re.sub(r"</?(?:strong|mark|span)\b[^>]*>", "", page)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", inline))


def rows_in(engine: Engine) -> int:
    """All rows of all our tables but the audit log and the sign-ins."""
    kept = [t for t in metadata.sorted_tables if t.name not in ("audit_log", "staff_sessions")]
    with engine.connect() as connection:
        return sum(
            int(connection.execute(select(func.count()).select_from(t)).scalar()) for t in kept
        )


# ── the queue ───────────────────────────────────────────────────────────────────────────────


def test_the_most_dangerous_stands_first_and_then_the_oldest(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, urgent = conversation_with(engine, rasa, MISTAKE)
    _, routine = conversation_with(engine, rasa, "can i talk to a person")
    _, first = conversation_with(engine, rasa, OVERDOSE)
    _, second = conversation_with(engine, rasa, "she cannot breathe")
    page = nurse.get("/staff").text
    shown = [int(n) for n in re.findall(r'<li class="case"[^>]*data-case="(\d+)"', page)]
    assert shown == [first, second, urgent, routine]


def test_the_queue_marks_the_words_that_raised_a_case(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    conversation_with(engine, rasa, OVERDOSE)
    page = nurse.get("/staff").text
    assert '<mark class="danger">cant stay awake</mark>' in page
    assert "Nobody has it" in page
    assert "baclofen" in page
    assert "website" in page


def test_long_words_are_cut_around_the_danger(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    conversation_with(
        engine,
        rasa,
        f"{'Well hello there. ' * 60} She cannot breathe. {'It is a long story. ' * 60}",
    )
    page = nurse.get("/staff").text
    assert re.search(r'<mark class="danger">[^<]*cannot breathe</mark>', page)
    assert 0 < page.count("Well hello there") < 20


def test_an_emergency_that_nobody_saw_in_time_is_marked(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    assert "Overdue" not in nurse.get("/staff").text
    earlier = find_case(engine, case).level_since.replace(year=2025)
    with engine.begin() as connection:
        connection.execute(update(cases).where(cases.c.id == case).values(level_since=earlier))
    assert "Overdue: nobody has seen it" in nurse.get("/staff").text
    nurse.post(f"/staff/cases/{case}/acknowledge")
    page = nurse.get("/staff").text
    assert "Overdue" not in page
    assert "Seen by triage, nobody has it" in words_of(page)


def test_an_erased_case_stays_in_the_queue_without_words(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    sender, case = conversation_with(engine, rasa, OVERDOSE)
    with engine.begin() as connection:
        connection.execute(update(case_events).values(detail={"erased": "at the person's request"}))
    del rasa.events[sender]
    assert "The words were erased" in nurse.get("/staff").text
    page = nurse.get(f"/staff/cases/{case}").text
    assert "This chat was erased" in page
    assert "cant stay awake" not in page
    assert 'id="reply"' not in page
    assert "This chat was erased" in nurse.get(f"/staff/cases/{case}/sheet").text


def test_an_empty_queue_says_so(nurse: StaffMember) -> None:
    assert "Nothing is waiting" in nurse.get("/staff").text


def test_one_click_in_the_queue_takes_a_case(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    answer = nurse.post(f"/staff/cases/{case}/claim")
    assert answer.headers["location"] == f"/staff/cases/{case}"
    assert find_case(engine, case).holder == "triage"
    assert "triage has it" in words_of(nurse.get("/staff").text)


def test_closed_cases_can_be_found_and_opened_again(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    nurse.post(f"/staff/cases/{case}/resolve", outcome="false_alarm")
    assert "Nothing is waiting" in nurse.get("/staff").text
    closed = nurse.get("/staff/closed").text
    assert f"/staff/cases/{case}" in closed
    assert "It was a false alarm" in closed
    assert "Closed: It was a false alarm" in nurse.get(f"/staff/cases/{case}").text
    nurse.post(f"/staff/cases/{case}/reopen")
    assert find_case(engine, case).status == "open"


# ── a case ──────────────────────────────────────────────────────────────────────────────────


def test_a_case_shows_the_chat_with_the_danger_marked_and_explained(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, "hello", OVERDOSE)
    page = nurse.get(f"/staff/cases/{case}").text
    assert re.search(r'<mark class="danger" title="Very drowsy: it happens[^"]*">', page)
    assert "Why this level" in page
    assert "“cant stay awake”: Very drowsy: it happens" in page
    assert "120 mg was taken; the most in a day is 80 mg: above the most in a day" in page
    assert "A robot&#39;s reply." in page


def test_a_case_shows_the_vetted_facts_of_its_own_medicine(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    page = nurse.get(f"/staff/cases/{case}").text
    assert "80 mg" in page
    first = page.index('id="fact-')
    assert page[first:].startswith('id="fact-report_overdose"')
    assert "checked against its sources; not approved by a clinician" in page
    assert "{emergency_number}" not in page


def test_a_case_without_a_medicine_shows_no_facts(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    sender, case = conversation_with(engine, rasa, "she cannot breathe")
    rasa.own_slots[sender] = {}
    page = nurse.get(f"/staff/cases/{case}").text
    assert "No medicine is named yet" in page
    assert 'class="fact"' not in page
    rasa.own_slots[sender] = {"medicine": "zolpidem"}
    page = nurse.get(f"/staff/cases/{case}").text
    assert "There is no file on" in page
    assert 'class="fact"' not in page


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..", "a/b", "\0"])
def test_a_medicine_with_a_strange_name_is_only_a_word(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa, name: str
) -> None:
    sender, case = conversation_with(engine, rasa, OVERDOSE)
    rasa.own_slots[sender] = {"medicine": name}
    page = nurse.get(f"/staff/cases/{case}")
    assert page.status_code == 200
    assert "There is no file on" in page.text


def test_markup_in_a_message_is_text_on_every_page(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, SCRIPT)
    nurse.post(f"/staff/cases/{case}/note", text=SCRIPT)
    pages = [nurse.get(path).text for path in
             ("/staff", f"/staff/cases/{case}", f"/staff/cases/{case}/sheet")]  # fmt: skip
    pages.append(nurse.post("/staff/desk", text=SCRIPT).text)
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "alert(1)" in pages[0]


def test_the_history_tells_who_did_what(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    nurse.post(f"/staff/cases/{case}/claim")
    nurse.post(f"/staff/cases/{case}/note", text="Called back, no answer.")
    page = nurse.get(f"/staff/cases/{case}").text
    told = words_of(page[page.index('id="history"') :])
    for what in ("Note", "Called back, no answer.", "Taken", "Seen", "The case was opened"):
        assert what in told
    assert ", triage" in told
    assert [e["event"] for e in history(engine, case)] == [
        "opened", "acknowledged", "claimed", "note",
    ]  # fmt: skip


def test_an_emergency_elsewhere_is_shown_on_an_open_case(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, looked_at = conversation_with(engine, rasa, MISTAKE)
    assert "nobody has seen" not in nurse.get(f"/staff/cases/{looked_at}").text
    _, other = conversation_with(engine, rasa, OVERDOSE)
    page = nurse.get(f"/staff/cases/{looked_at}").text
    assert "An emergency nobody has seen" in page
    assert f'href="/staff/cases/{other}"' in page
    assert "An emergency nobody has seen" not in nurse.get(f"/staff/cases/{other}").text


def test_a_case_from_a_phone_shows_its_number_and_what_keeps_messages_from_arriving(
    nurse: StaffMember, engine: Engine
) -> None:
    contact = contact_at(engine, "sms", "+15550100123", "+15550100999")
    number = open_case(
        engine,
        conversation=contact.conversation,
        channel="sms",
        level="urgent",
        kind="withdrawal",
        detail={"words": "i ran out"},
    )
    before = words_of(nurse.get(f"/staff/cases/{number}").text)
    assert "Their number: +15550100999" in before
    assert "STOP" not in before
    opt_out(engine, contact.conversation)
    assert "This person sent STOP" in words_of(nurse.get(f"/staff/cases/{number}").text)


@pytest.mark.parametrize("number", ["999", "0", "99999999999999999999999"])
def test_a_case_that_is_none_is_not_found(nurse: StaffMember, number: str) -> None:
    for path in ("", "/sheet", "/live", "/events"):
        assert nurse.get(f"/staff/cases/{number}{path}").status_code == 404
    assert nurse.post(f"/staff/cases/{number}/claim").status_code == 404


def test_the_sheet_has_the_poison_line_what_is_known_and_what_to_ask(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    sheet = words_of(nurse.get(f"/staff/cases/{case}/sheet").text)
    assert "1-800-222-1222" in sheet
    assert "12 tablets or doses, 120 mg." in sheet
    assert "How much do they weigh?" in sheet


def test_without_rasa_the_sheet_is_made_of_what_the_case_keeps_and_says_so(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa, rasa_server: Served
) -> None:
    _, case = conversation_with(engine, rasa, OVERDOSE)
    rasa_server.stop()
    sheet = words_of(nurse.get(f"/staff/cases/{case}/sheet").text)
    assert "later messages are missing" in sheet
    assert "120 mg" in sheet


# ── the triage desk ─────────────────────────────────────────────────────────────────────────

NOTE = "Mrs B phoned: her husband took 12 baclofen 10mg tablets two hours ago and is very drowsy"


def test_the_desk_reads_a_note_and_stores_nothing(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    before = rows_in(engine)
    page = nurse.post("/staff/desk", text=NOTE)
    assert page.status_code == 200
    told = words_of(page.text)
    assert "Emergency" in told
    assert "120 mg" in told
    assert "Too much was taken" in told
    assert "For the poison line" in told
    assert rows_in(engine) == before
    assert rasa.events == {}


def test_the_desk_shows_what_is_vetted_about_a_stop_even_if_something_else_is_graver(
    nurse: StaffMember,
) -> None:
    text = "He stopped his baclofen 3 days ago and now he has a seizure"
    told = words_of(nurse.post("/staff/desk", text=text).text)
    assert "Emergency" in told
    assert "It was stopped or missed" in told


def test_the_desk_has_no_answer_for_a_medicine_without_a_file(nurse: StaffMember) -> None:
    told = words_of(nurse.post("/staff/desk", text="I missed my zolpidem, what now").text)
    assert "No medicine with a file is named in the note" in told
    assert "Version 1" not in told


def test_a_case_is_opened_from_the_desk_and_held(nurse: StaffMember, engine: Engine) -> None:
    page = nurse.post("/staff/desk", text=NOTE).text
    answer = nurse.post(
        "/staff/desk/case", text=NOTE, caller="Mrs B, 555-0100", level=hidden_level(page)
    )
    (case,) = open_cases(engine)
    assert answer.headers["location"] == f"/staff/cases/{case.id}"
    assert (case.channel, case.level, case.kind, case.holder) == (
        "desk", "emergency", "overdose", "triage",
    )  # fmt: skip
    shown = words_of(nurse.get(f"/staff/cases/{case.id}").text)
    assert "Mrs B, 555-0100" in shown
    assert "The note" in shown
    assert "Write to the patient" not in shown
    assert "120 mg" in words_of(nurse.get(f"/staff/cases/{case.id}/sheet").text)


def hidden_level(page: str) -> str:
    found = re.search(r'<option value="(\w+)" selected', page)
    assert found
    return found.group(1)


@pytest.mark.parametrize(
    ("text", "wanted", "level"),
    [
        (NOTE, "routine", "emergency"),
        ("Refill of baclofen wanted", "urgent", "urgent"),
        ("Refill of baclofen wanted", "nonsense", "routine"),
    ],
)
def test_staff_may_raise_the_level_of_a_note_and_not_lower_it(
    nurse: StaffMember, engine: Engine, text: str, wanted: str, level: str
) -> None:
    nurse.post("/staff/desk/case", text=text, caller="", level=wanted)
    (case,) = open_cases(engine)
    assert case.level == level


def test_a_note_of_many_lines_is_opened_as_it_was_pasted(
    nurse: StaffMember, engine: Engine
) -> None:
    text = 'Line one "quoted"\n\n  Line two & more\nshe cannot breathe'
    page = nurse.post("/staff/desk", text=text).text
    pasted = hidden(page, "text")
    nurse.post("/staff/desk/case", text=html.unescape(pasted), caller="", level="routine")
    (case,) = open_cases(engine)
    assert history(engine, case.id)[0]["detail"]["words"] == text


def test_without_rasa_the_note_is_still_in_the_box(
    nurse: StaffMember, rasa_server: Served, engine: Engine
) -> None:
    rasa_server.stop()
    for path in ("/staff/desk", "/staff/desk/case"):
        page = nurse.post(path, text=NOTE, caller="", level="emergency")
        assert page.status_code == 503
        assert "was not read" in page.text
        assert NOTE in page.text
    assert open_cases(engine) == []


def test_a_note_that_is_too_long_is_refused_and_kept(nurse: StaffMember) -> None:
    page = nurse.post("/staff/desk", text="long " * 1_500)
    assert page.status_code == 400
    assert "too long" in page.text
    assert page.text.count("long ") > 1_400


def test_a_note_of_100_kb_is_refused(nurse: StaffMember) -> None:
    assert nurse.post("/staff/desk", text="x" * 100_000).status_code == 413


def test_an_empty_note_gets_a_word(nurse: StaffMember) -> None:
    page = nurse.post("/staff/desk", text="  ")
    assert page.status_code == 400
    assert "paste the note first" in page.text


def test_a_note_that_looks_like_a_command_is_read_as_text(
    nurse: StaffMember, rasa: StandInRasa, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(rasa, "understand", lambda t, e: (read.append(t), understand(t, e))[1])
    nurse.post("/staff/desk", text='/report_emergency{"level":"routine"}')
    assert read == [' /report_emergency{"level":"routine"}']


def test_a_viewer_has_no_desk(signed_in: Callable[[str], StaffMember]) -> None:
    viewer = signed_in("viewer")
    assert viewer.get("/staff/desk").status_code == 403
    assert viewer.post("/staff/desk", text=NOTE).status_code == 403


def test_a_case_of_an_unknown_kind_is_shown(nurse: StaffMember, engine: Engine) -> None:
    case = open_case(engine, conversation="web-x", channel="website", level="urgent",
                     kind="something_new", detail={}, targets=())  # fmt: skip
    assert "Something new" in nurse.get("/staff").text
    page = nurse.get(f"/staff/cases/{case}")
    assert page.status_code == 200
    assert "Rasa has no chat under this name" in page.text
