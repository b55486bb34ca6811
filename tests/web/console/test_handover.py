"""Staff talk with a patient: once, truthfully, and never in silence when something fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import Engine

from medassist.cases import handovers
from medassist.cases.cases import find_case, history
from medassist.settings import Settings
from tests.web.console.cases import MISTAKE, OVERDOSE, conversation_with
from tests.web.console.staff import StaffMember
from tests.web.console.understanding import understand
from tests.web.patient import Patient
from tests.web.rasa_stand_in import StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import sender_of


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


@pytest.fixture
def case(patient: Patient, engine: Engine, rasa: StandInRasa) -> int:
    """A case of the listening patient's own conversation."""
    return conversation_with(engine, rasa, OVERDOSE, sender=sender_of(patient.key))[1]


def write(member: StaffMember, case: int, text: str, form_id: str | None = None) -> httpx.Response:
    """Send the reply form as the page's script does."""
    return member.http.post(
        f"/staff/cases/{case}/reply",
        data={"csrf_token": member.csrf_token, "id": form_id or str(uuid.uuid4()), "text": text},
        headers={"Accept": "application/json"},
    )


def happened(engine: Engine, case: int) -> list[str]:
    return [event["event"] for event in history(engine, case)]


def said(patient: Patient) -> list[str]:
    return [m["text"] for m in patient.history()]


def test_stepping_in_quiets_the_robot_and_tells_the_patient_who_is_there(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa, engine: Engine
) -> None:
    stream = patient.listen()
    assert nurse.post(f"/staff/cases/{case}/step-in").status_code == 303
    told = stream.reply()
    assert "Triage Person from the clinic is here" in told["text"]
    assert "911" in told["text"]
    assert told["custom"]["handover"] == "began"
    assert told["custom"]["staff"]["name"] == "Triage Person"
    patient.say("hello?")
    assert stream.nothing_more()
    held = handovers.current(engine, sender_of(patient.key))
    assert held is not None
    assert held.staff == "triage"
    assert find_case(engine, case).holder == "triage"
    assert find_case(engine, case).acknowledged_by == "triage"
    assert "You are talking with the patient." in nurse.get(f"/staff/cases/{case}").text


def test_a_reply_steps_in_by_itself_and_reaches_the_patient(
    nurse: StaffMember, case: int, patient: Patient, engine: Engine
) -> None:
    stream = patient.listen()
    response = write(nurse, case, "Are you alone?\nPlease call 911.")
    assert response.status_code == 200, response.text
    assert stream.reply()["custom"]["handover"] == "began"
    reply = stream.reply()
    assert reply["text"] == "Are you alone?\nPlease call 911."
    assert reply["id"] == f"pushed.{response.json()['sent']}"
    assert happened(engine, case)[-1] == "replied"
    assert "Are you alone?" in nurse.get(f"/staff/cases/{case}").text


def test_a_reply_that_is_sent_twice_arrives_once_and_is_recorded_once(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa, engine: Engine
) -> None:
    form = str(uuid.uuid4())
    for _ in range(2):
        assert write(nurse, case, "Please call 911.", form).status_code == 200
    stored = [event.get("text") for event in rasa.events[sender_of(patient.key)]]
    assert stored.count("Please call 911.") == 1  # also where no page sorts out what is double
    assert said(patient).count("Please call 911.") == 1
    assert happened(engine, case).count("replied") == 1


def test_the_same_words_written_twice_arrive_twice(
    nurse: StaffMember, case: int, patient: Patient, engine: Engine
) -> None:
    for _ in range(2):
        write(nurse, case, "ok")
    assert said(patient).count("ok") == 2
    assert happened(engine, case).count("replied") == 2


def test_a_text_that_is_changed_after_a_doubtful_try_is_not_swallowed(
    nurse: StaffMember, case: int, patient: Patient
) -> None:
    form = str(uuid.uuid4())
    write(nurse, case, "Take no more.", form)
    write(nurse, case, "Take no more tablets.", form)
    assert said(patient)[-2:] == ["Take no more.", "Take no more tablets."]


def test_a_reply_that_rasa_took_without_confirming_counts_as_sent(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa, engine: Engine
) -> None:
    rasa.lose_confirmations = True
    assert write(nurse, case, "Please call 911.").status_code == 200
    assert said(patient).count("Please call 911.") == 1
    assert happened(engine, case).count("replied") == 1


def test_without_rasa_a_reply_is_refused_kept_and_sent_later_once(
    nurse: StaffMember, case: int, patient: Patient, rasa_server: Served, engine: Engine
) -> None:
    form = str(uuid.uuid4())
    nurse.post(f"/staff/cases/{case}/step-in")
    rasa_server.stop()
    refused = write(nurse, case, "Please call 911.", form)
    assert refused.status_code == 503
    assert "was not sent" in refused.json()["error"]
    assert "replied" not in happened(engine, case)
    rasa_server.start()
    assert write(nurse, case, "Please call 911.", form).status_code == 200
    assert said(patient).count("Please call 911.") == 1


def test_without_rasa_nobody_steps_in_and_nothing_says_so(
    nurse: StaffMember, case: int, patient: Patient, rasa_server: Served, engine: Engine
) -> None:
    rasa_server.stop()
    refused = nurse.post(f"/staff/cases/{case}/step-in")
    assert refused.status_code == 503
    assert "the robot goes on as before" in refused.text
    assert handovers.current(engine, sender_of(patient.key)) is None
    page = nurse.get(f"/staff/cases/{case}").text
    assert "the chat cannot be loaded now" in page
    assert "cant stay awake" in page  # what the case itself keeps
    assert "You are talking with the patient" not in page


def test_handing_back_lets_the_robot_answer_again_and_tells_the_patient(
    nurse: StaffMember, case: int, patient: Patient, engine: Engine
) -> None:
    nurse.post(f"/staff/cases/{case}/step-in")
    stream = patient.listen()
    stream.reply()  # what was said a moment ago
    assert nurse.post(f"/staff/cases/{case}/hand-back").status_code == 303
    told = stream.reply()
    assert told["custom"]["handover"] == "ended"
    assert "The robot is back" in told["text"]
    patient.say("thanks")
    assert stream.reply()["text"] == "You said: thanks"
    assert handovers.current(engine, sender_of(patient.key)) is None
    assert happened(engine, case)[-1] == "handover_ended"


def test_without_rasa_the_chat_is_not_handed_back_and_the_page_says_so(
    nurse: StaffMember, case: int, patient: Patient, rasa_server: Served, engine: Engine
) -> None:
    nurse.post(f"/staff/cases/{case}/step-in")
    rasa_server.stop()
    refused = nurse.post(f"/staff/cases/{case}/hand-back")
    assert refused.status_code == 503
    assert "the robot still keeps quiet" in refused.text
    assert handovers.current(engine, sender_of(patient.key)) is not None


def test_a_robot_that_answers_although_staff_are_on_record_is_owned_up_to_and_mended(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa
) -> None:
    nurse.post(f"/staff/cases/{case}/step-in")
    rasa.own_slots[sender_of(patient.key)]["handover"] = False
    assert "but the robot still answers" in nurse.get(f"/staff/cases/{case}").text
    nurse.post(f"/staff/cases/{case}/step-in")
    assert rasa.own_slots[sender_of(patient.key)]["handover"] is True
    assert "but the robot still answers" not in nurse.get(f"/staff/cases/{case}").text


def test_a_robot_that_is_quiet_for_nobody_is_owned_up_to_and_mended(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa
) -> None:
    rasa.own_slots[sender_of(patient.key)]["handover"] = True
    assert "nobody is talking with this patient" in nurse.get(f"/staff/cases/{case}").text
    nurse.post(f"/staff/cases/{case}/hand-back")
    assert rasa.own_slots[sender_of(patient.key)]["handover"] is False


def test_two_of_the_staff_never_talk_at_once(
    nurse: StaffMember, signed_in: Callable[[str], StaffMember], case: int, patient: Patient
) -> None:
    other = signed_in("clinician")
    write(nurse, case, "Kim here.")
    assert other.post(f"/staff/cases/{case}/step-in").status_code == 409
    refused = write(other, case, "Ada here.")
    assert refused.status_code == 409
    assert "triage has this case" in refused.json()["error"]
    assert other.post(f"/staff/cases/{case}/hand-back").status_code == 409
    assert "Ada here." not in said(patient)


def test_whoever_takes_the_case_over_takes_the_chat_over_and_the_patient_is_told(
    nurse: StaffMember, signed_in: Callable[[str], StaffMember], case: int, patient: Patient
) -> None:
    other = signed_in("clinician")
    write(nurse, case, "Kim here.")
    other.post(f"/staff/cases/{case}/take-over")
    assert write(other, case, "Ada here.").status_code == 200
    told = said(patient)
    assert told[-1] == "Ada here."
    assert "Clinician Person from the clinic is here" in told[-2]
    assert write(nurse, case, "and Kim again").status_code == 409


def test_closing_a_case_hands_the_chat_back_first(
    nurse: StaffMember, case: int, patient: Patient, rasa: StandInRasa, engine: Engine
) -> None:
    nurse.post(f"/staff/cases/{case}/step-in")
    closed = nurse.post(f"/staff/cases/{case}/resolve", outcome="poison_line", note="They call.")
    assert closed.status_code == 303
    assert rasa.own_slots[sender_of(patient.key)]["handover"] is False
    assert "The robot is back" in said(patient)[-1]
    assert happened(engine, case)[-2:] == ["handover_ended", "resolved"]
    assert find_case(engine, case).outcome == "poison_line"


def test_without_rasa_a_case_with_an_open_chat_is_not_closed(
    nurse: StaffMember, case: int, patient: Patient, rasa_server: Served, engine: Engine
) -> None:
    nurse.post(f"/staff/cases/{case}/step-in")
    rasa_server.stop()
    assert nurse.post(f"/staff/cases/{case}/resolve", outcome="advised").status_code == 503
    assert find_case(engine, case).status == "open"


def test_an_outcome_has_to_be_chosen(nurse: StaffMember, case: int, engine: Engine) -> None:
    refused = nurse.post(f"/staff/cases/{case}/resolve", outcome="whatever")
    assert refused.status_code == 409
    assert "choose one of the outcomes" in refused.text
    assert find_case(engine, case).status == "open"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_reply_is_refused(
    nurse: StaffMember, case: int, engine: Engine, text: str
) -> None:
    refused = write(nurse, case, text)
    assert refused.status_code == 409
    assert "the box is empty" in refused.json()["error"]
    assert happened(engine, case) == ["opened"]


@pytest.mark.parametrize("form_id", ["", "x", "../../etc", "1" * 40])
def test_a_reply_needs_the_id_of_a_form_of_ours(
    nurse: StaffMember, case: int, engine: Engine, form_id: str
) -> None:
    data = {"csrf_token": nurse.csrf_token, "id": form_id, "text": "hello"}
    assert nurse.http.post(f"/staff/cases/{case}/reply", data=data).status_code == 400
    assert happened(engine, case) == ["opened"]


def test_a_patient_who_cannot_be_written_to_is_to_be_phoned(
    nurse: StaffMember, engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, MISTAKE, channel="rest")
    assert "Please phone them" in nurse.get(f"/staff/cases/{case}").text
    assert write(nurse, case, "hello").status_code == 409
    assert nurse.post(f"/staff/cases/{case}/step-in").status_code == 409
    assert happened(engine, case) == ["opened"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("step-in", {}),
        ("hand-back", {}),
        ("reply", {"id": str(uuid.uuid4()), "text": "hello"}),
        ("claim", {}),
        ("acknowledge", {}),
        ("take-over", {}),
        ("release", {}),
        ("note", {"text": "hello"}),
        ("resolve", {"outcome": "advised"}),
        ("reopen", {}),
    ],
)
def test_a_viewer_only_looks(
    signed_in: Callable[[str], StaffMember], case: int, engine: Engine, path: str,
    fields: dict[str, Any],
) -> None:  # fmt: skip
    viewer = signed_in("viewer")
    page = viewer.get(f"/staff/cases/{case}")
    assert page.status_code == 200
    assert "cant stay awake" in page.text
    assert f'action="/staff/cases/{case}' not in page.text
    assert viewer.post(f"/staff/cases/{case}/{path}", **fields).status_code == 403
    assert happened(engine, case) == ["opened"]
