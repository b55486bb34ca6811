"""Two clinics in two countries on one installation: nobody is told the other's numbers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import base
from actions.conversation import ActionAskHuman
from actions.danger import ActionAlertStaff
from medassist.cases.cases import find_case
from medassist.staff.accounts import add_account
from medassist.storage.tables import contacts
from tests.channels import said
from tests.channels.conftest import Clinic, opened_clinic
from tests.channels.providers import generic, messenger, slack, telegram
from tests.channels.providers.twilio import OUR_NUMBER, SECOND_NUMBER, Phone
from tests.clinic_files import LEEDS_SITE, TWO, UK_PAGE, US_PAGE, data_with
from tests.conftest import wait_until
from tests.web.console.staff import StaffMember

PASSWORD = "correct horse battery"
EVERY_DOOR = [
    ("sms", "boston"), ("sms", "leeds"), ("whatsapp", "boston"), ("whatsapp", "leeds"),
    ("messenger", "boston"), ("messenger", "leeds"), ("generic", "boston"), ("generic", "leeds"),
    ("telegram", "leeds"), ("slack", "leeds"), ("website", "boston"), ("website", "leeds"),
    ("website by name", "leeds"),
]  # fmt: skip
NUMBER = {"boston": "911", "leeds": "999"}
OTHER = {"boston": "999", "leeds": "911"}
everywhere = pytest.mark.parametrize(("door", "clinic"), EVERY_DOOR)
by_message = pytest.mark.parametrize(
    ("door", "clinic"), [pair for pair in EVERY_DOOR if "website" not in pair[0]]
)


class Visitor:
    """Somebody on a clinic's website; `headers` are what its page sends along."""

    channel = "website"

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)
        self.http.headers["X-Conversation-Key"] = self.http.post("/chat/conversations").json()[
            "key"
        ]

    def say(self, text: str) -> httpx.Response:
        body = {"id": str(uuid.uuid4()), "text": text}
        return self.http.post("/chat/messages", json=body)

    @property
    def inbox(self) -> list[str]:
        found = self.http.get("/chat/history").json()["messages"]
        return [message["text"] for message in found if message["who"] == "bot"]


class Two:
    """The installation with both clinics, and the people who write to them."""

    def __init__(self, running: Clinic) -> None:
        self.running, self.people = running, 0
        self.visitors: list[Visitor] = []

    def visitor(self, **headers: str) -> Visitor:
        self.visitors.append(Visitor(self.running.front_door.url, **headers))
        return self.visitors[-1]

    def person(self, door: str, clinic: str) -> Any:
        url, stand_ins = self.running.front_door.url, self.running.stand_ins
        self.people += 1
        if door in ("sms", "whatsapp"):
            ours = OUR_NUMBER if clinic == "boston" else SECOND_NUMBER
            return Phone(url, stand_ins["twilio"], f"+1555040{self.people:04d}", door, ours)
        if door == "messenger":
            page = US_PAGE if clinic == "boston" else UK_PAGE
            return messenger.Person(url, stand_ins["messenger"], page)
        if door == "generic":
            named = None if clinic == "boston" else clinic
            return generic.Person(url, stand_ins["generic"], named)
        if door == "website by name":
            return self.visitor(**{"X-Clinic": clinic})
        if door == "website":
            return self.visitor(Origin=LEEDS_SITE if clinic == "leeds" else "https://us.example")
        return {"telegram": telegram, "slack": slack}[door].Person(url, stand_ins[door])

    def tracker(self) -> Tracker:
        """What Rasa gives an action after the latest message."""
        return Tracker.from_dict(self.running.turns.trackers[-1])


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        running = stack.enter_context(
            opened_clinic(
                folder,
                MEDASSIST_DATA=str(data_with(folder, TWO)),
                MEDASSIST_WHATSAPP_NUMBERS=f"{OUR_NUMBER} {SECOND_NUMBER}",
                MEDASSIST_EMBED_ORIGINS=LEEDS_SITE,
                MEDASSIST_COOKIE_SECURE="0",
            )
        )
        environment.setenv("MEDASSIST_DATA", str(running.settings.data))
        environment.setenv("MEDASSIST_DATABASE_URL", running.settings.database_url)
        for kept in (base.settings, base.clinics, base.database):
            kept.cache_clear()
        add_account(running.engine, "kim", "triage", password=PASSWORD, shown_as="Kim")
        yield Two(running)
        for kept in (base.settings, base.clinics, base.database):
            kept.cache_clear()


@pytest.fixture
def two(standing: Two) -> Iterator[Two]:
    standing.running.mend()
    yield standing
    while standing.visitors:
        standing.visitors.pop().http.close()


def only(clinic: str, words: str) -> bool:
    return NUMBER[clinic] in words and OTHER[clinic] not in words


@everywhere
def test_the_emergency_card_has_the_clinics_number(
    two: Two, eventually, door: str, clinic: str
) -> None:
    two.running.turns.script["she took 40"] = "utter_overdose_emergency"
    person = two.person(door, clinic)
    person.say("she took 40")
    eventually(lambda: len(person.inbox) == 1)
    assert person.inbox[0].startswith(f"Call {NUMBER[clinic]} now")
    assert only(clinic, person.inbox[0])


@everywhere
def test_the_staffs_case_knows_the_clinic_and_the_bot_says_its_hours(
    two: Two, eventually, door: str, clinic: str
) -> None:
    person = two.person(door, clinic)
    person.say("a person please")
    eventually(lambda: len(person.inbox) == 1)
    dispatcher = CollectingDispatcher()
    asyncio.run(ActionAskHuman().run(dispatcher, two.tracker(), {}))
    words = dispatcher.messages[0]["text"]
    assert only(clinic, words)
    assert ("Leeds Surgery's staff are here" in words) == (clinic == "leeds")
    with two.running.engine.connect() as connection:
        newest = connection.exec_driver_sql("SELECT max(id) FROM cases").scalar_one()
    assert find_case(two.running.engine, newest).clinic == clinic


@everywhere
def test_when_a_turn_breaks_the_honest_words_have_the_clinics_number(
    two: Two, eventually, door: str, clinic: str
) -> None:
    two.running.turns.breaking.add("break")
    person = two.person(door, clinic)
    listening = failed_reply(person) if "website" in door else None
    person.say("break")
    if listening:
        assert only(clinic, listening())
    else:
        eventually(lambda: len(person.inbox) == 1)
        assert person.inbox[0].startswith("Something went wrong on our side")
        assert only(clinic, person.inbox[0])


def failed_reply(visitor: Visitor) -> Any:
    """What is said by the stream: nobody stores it, so no history has it."""
    from tests.web.patient import Listening

    listening = Listening(visitor.url, visitor.http.headers["X-Conversation-Key"])

    def text() -> str:
        try:
            return str(listening.reply(15)["text"])
        finally:
            listening.close()

    return text


@by_message
def test_a_picture_in_a_dangerous_conversation_has_the_clinics_number(
    two: Two, eventually, door: str, clinic: str
) -> None:
    two.running.turns.sets["she is blue"] = {"level": "emergency"}
    person = two.person(door, clinic)
    person.say("she is blue")
    eventually(lambda: len(person.inbox) == 1)
    person.send_picture()
    eventually(lambda: len(person.inbox) == 2)
    assert person.inbox[1].startswith(f"If someone is in danger, call {NUMBER[clinic]} now.")


@by_message
def test_a_message_that_is_too_long_is_refused_with_the_clinics_number(
    two: Two, eventually, door: str, clinic: str
) -> None:
    if door == "generic":
        pytest.skip("the plain webhook refuses it with status 400, which its partner sees")
    person = two.person(door, clinic)
    person.say("a" * 5001)
    eventually(lambda: person.inbox)
    assert only(clinic, " ".join(person.inbox))


@pytest.mark.parametrize("clinic", ["boston", "leeds"])
def test_help_and_start_name_the_clinic(two: Two, eventually, clinic: str) -> None:
    person = two.person("sms", clinic)
    person.say("HELP")
    person.say("START")
    eventually(lambda: len(person.inbox) == 2)
    name = {"boston": "Boston Clinic", "leeds": "Leeds Surgery"}[clinic]
    assert person.inbox[0].startswith(f"If someone is in danger, call {NUMBER[clinic]} now. {name}")
    assert f"of {name}" in person.inbox[1]
    assert all(only(clinic, words) for words in person.inbox)


@pytest.mark.parametrize("door", ["sms", "whatsapp"])
@pytest.mark.parametrize("clinic", ["boston", "leeds"])
def test_while_rasa_is_away_the_front_door_says_the_clinics_number(
    two: Two, door: str, clinic: str
) -> None:
    two.running.rasa.stop()
    try:
        person = two.person(door, clinic)
        answer = person.post(person.form("is anybody there"))
    finally:
        two.running.restart_rasa()
    words = "".join(ElementTree.fromstring(answer.text).itertext())
    assert only(clinic, words)


def test_while_the_database_is_away_twilio_is_told_the_clinics_number(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medassist.channels.queues import Inbox

    def broken(*_: object) -> bool:
        raise OSError

    monkeypatch.setattr(Inbox, "accept", broken)
    for clinic in NUMBER:
        person = two.person("sms", clinic)
        words = "".join(ElementTree.fromstring(person.post(person.form("hi")).text).itertext())
        assert only(clinic, words)


@pytest.mark.parametrize("headers", [{"X-Clinic": "leeds"}, {"Origin": LEEDS_SITE}])
def test_the_widget_gets_its_clinics_lines_hours_and_refusals(
    two: Two, headers: dict[str, str]
) -> None:
    url = two.running.front_door.url
    leeds = httpx.get(f"{url}/chat/config", headers=headers, trust_env=False).json()
    assert (leeds["clinic"], leeds["lines"][0]["number"]) == ("Leeds Surgery", "999")
    assert leeds["staff"]["words"].startswith("Leeds Surgery's staff are here")
    boston = httpx.get(f"{url}/chat/config", trust_env=False).json()
    assert (boston["clinic"], boston["lines"][0]["number"]) == ("Boston Clinic", "911")
    assert boston["staff"] is None
    visitor = two.visitor(**headers)
    assert only("leeds", visitor.say("").json()["error"])
    assert only("leeds", visitor.say("a" * 5001).json()["error"])


def test_the_chat_page_of_a_clinic_has_its_numbers_in_its_text(two: Two) -> None:
    url = two.running.front_door.url
    page = httpx.get(f"{url}/?clinic=leeds", trust_env=False).text
    assert 'clinic="leeds"' in page
    assert only("leeds", page)
    assert only("boston", httpx.get(f"{url}/", trust_env=False).text)


def test_the_page_behind_a_link_has_the_numbers_of_the_clinic_that_was_written_to(
    two: Two, eventually
) -> None:
    answer = said.answer(points=4)
    answer["text"] = answer["text"].replace(said.HELP, "When to get help: a seizure.")
    two.running.turns.script["how much?"] = [answer]
    for clinic in NUMBER:
        person = two.person("sms", clinic)
        person.say("how much?")
        eventually(lambda person=person: person.inbox and "/read/" in person.inbox[-1])
        path = person.inbox[-1].split("bot.clinic.example", 1)[1].split()[0]
        page = httpx.get(f"{two.running.front_door.url}{path}", trust_env=False).text
        assert only(clinic, page)


def test_staff_see_which_clinic_and_may_look_at_one_only(two: Two, eventually) -> None:
    for clinic in NUMBER:
        person = two.person("sms", clinic)
        person.say(f"help from {clinic}")
        eventually(lambda person=person: person.inbox)
        tracker = two.tracker()
        tracker.slots["level"] = "emergency"
        asyncio.run(ActionAlertStaff().run(CollectingDispatcher(), tracker, {}))
    kim = StaffMember(two.running.front_door.url)
    assert kim.sign_in("kim", PASSWORD).status_code == 303
    every = kim.get("/staff").text
    assert "help from boston" in every
    assert "help from leeds" in every
    leeds = kim.get("/staff", params={"clinic": "leeds"}).text
    assert "Leeds Surgery" in leeds
    assert "help from leeds" in leeds
    assert "help from boston" not in leeds
    with two.running.engine.connect() as connection:
        ids = dict(connection.exec_driver_sql("SELECT clinic, id FROM cases").fetchall())
    sheet = kim.get(f"/staff/cases/{ids['leeds']}/sheet").text
    assert "NHS 111" in sheet
    assert "Leeds Surgery" in kim.get(f"/staff/cases/{ids['leeds']}").text
    kim.close()


def test_staff_who_step_in_say_the_number_of_the_patients_clinic(two: Two, eventually) -> None:
    person = two.person("sms", "leeds")
    person.say("hello")
    eventually(lambda: len(person.inbox) == 1)
    asyncio.run(ActionAskHuman().run(CollectingDispatcher(), two.tracker(), {}))
    with two.running.engine.connect() as connection:
        case = connection.exec_driver_sql("SELECT max(id) FROM cases").scalar_one()
    kim = StaffMember(two.running.front_door.url)
    assert kim.sign_in("kim", PASSWORD).status_code == 303
    assert kim.post(f"/staff/cases/{case}/claim").status_code == 303
    kim.post(f"/staff/cases/{case}/step-in")
    eventually(lambda: "Kim from the clinic is here" in person.inbox[-1])
    assert only("leeds", person.inbox[-1])
    kim.close()


def test_the_clinic_is_the_same_after_a_restart_and_for_each_number_of_its_own(
    two: Two, eventually
) -> None:
    two.running.turns.script["she took 40"] = "utter_emergency"
    boston, leeds = two.person("sms", "boston"), two.person("sms", "leeds")
    leeds.number = boston.number
    leeds.say("hello")
    eventually(lambda: len(leeds.inbox) == 1)
    two.running.restart_rasa()
    leeds.say("she took 40")
    eventually(lambda: len(leeds.inbox) == 2)
    assert leeds.inbox[1].startswith("Call 999")
    boston.say("she took 40")
    eventually(lambda: len(leeds.inbox) == 3)
    assert leeds.inbox[2].startswith("Call 911")
    with two.running.engine.connect() as connection:
        assert len(connection.execute(contacts.select()).fetchall()) == 2


def test_the_plain_webhook_refuses_a_clinic_that_there_is_not(two: Two) -> None:
    """The default clinic's numbers could be wrong there."""
    url, partner = two.running.front_door.url, two.running.stand_ins["generic"]
    nobody = generic.Person(url, partner, "lleeds")
    answer = nobody.post(nobody.body("hello"))
    assert (answer.status_code, answer.json()["error"]) == (
        400, '"clinic" is not the id of a clinic.'
    )  # fmt: skip
    somebody = two.person("generic", "leeds")
    somebody.say("hello")
    assert wait_until(lambda: somebody.sent, 10)
    assert somebody.sent[0]["clinic"] == "leeds"
