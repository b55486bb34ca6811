"""Both sides at once, in a real Chromium: a patient on the chat page, staff in the console."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy.engine import Engine

from medassist.cases.cases import find_case, history, open_cases
from medassist.settings import Settings
from tests.web.chromium import CHROMIUM, FLAGS, ask, replies
from tests.web.console.cases import MISTAKE, OVERDOSE, alerting, conversation_with
from tests.web.console.staff import PASSWORD
from tests.web.console.understanding import understand
from tests.web.rasa_stand_in import EMERGENCY, StandInRasa
from tests.web.served import Served

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PATIENCE = 15_000  # milliseconds; others may use the machine, and no promise about time is made

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists() and os.environ.get("CI") != "true",
    reason="no Chromium at /usr/bin/chromium (apt-get install chromium)",
)

RECORDED_NOTIFICATIONS = """
window.notified = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  static async requestPermission() { return "granted"; }
  constructor(title, options) { super(); window.notified.push([title, options.body]); }
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[*FLAGS, "--autoplay-policy=user-gesture-required"],
        )
        expect.set_options(timeout=PATIENCE)
        yield browser
        expect.set_options(timeout=5_000)
        browser.close()


@pytest.fixture
def rasa(settings: Settings, engine: Engine) -> StandInRasa:
    understand("ready?")  # the rules are read before anybody waits for them
    rasa = StandInRasa(
        settings.front_door_url,
        understand=understand,
        tracker_database=settings.tracker_database_url,
        act=alerting(engine),
    )
    rasa.script[OVERDOSE] = [EMERGENCY]
    return rasa


@pytest.fixture
def new_page(browser: Browser, clinic: Served) -> Iterator[Callable[..., Page]]:
    """A browser of somebody's own; afterwards nothing may have gone wrong unseen."""
    contexts: list[Any] = []
    faults: list[str] = []

    def heard(message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def requested(request: Any) -> None:
        if not request.url.startswith(clinic.url):
            faults.append(f"foreign request: {request.url}")

    def make(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE)
        context.on("console", heard)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("request", requested)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def staff_page(new_page: Callable[..., Page], clinic: Served) -> Callable[..., Page]:
    """The console of somebody who has signed in."""

    def make(role: str = "triage", to: str = "/staff", **options: Any) -> Page:
        page = new_page(**options)
        page.goto(f"{clinic.url}/staff/sign-in?next={to}")
        page.get_by_label("Name").fill(role)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{clinic.url}{to}")
        return page

    return make


@pytest.fixture
def patient_page(new_page: Callable[..., Page], clinic: Served) -> Page:
    page = new_page(viewport=PHONE)
    page.goto(clinic.url)
    return page


def live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Live")


# ── both sides ──────────────────────────────────────────────────────────────────────────────


def test_the_whole_story_from_the_overdose_to_the_robots_return(
    staff_page: Callable[..., Page], patient_page: Page, engine: Engine
) -> None:
    nurse = staff_page()
    expect(nurse.get_by_text("Nothing is waiting")).to_be_visible()
    live(nurse)

    ask(patient_page, OVERDOSE)
    row = nurse.locator(".case")
    expect(row).to_contain_text("cant stay awake")
    expect(row).to_contain_text("Emergency")
    expect(row.locator("mark.danger").first).to_be_visible()

    row.get_by_role("button", name="I’m on it").click()
    expect(nurse.get_by_text("You have this case")).to_be_visible()
    nurse.get_by_label("Write to the patient").fill("Are you alone? Please call 911.")
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.get_by_label("Write to the patient")).to_have_value("")
    expect(nurse.locator("#chat .staff")).to_contain_text("Are you alone?")
    expect(nurse.get_by_text("You are talking with the patient.")).to_be_visible()
    expect(replies(patient_page).filter(has_text="Triage Person from the clinic")).to_have_count(1)
    expect(replies(patient_page).filter(has_text="Are you alone?")).to_have_count(1)

    ask(patient_page, "yes, my wife is out")
    expect(nurse.locator("#chat .patient").last).to_contain_text("my wife is out")
    expect(replies(patient_page).filter(has_text="You said")).to_have_count(0)

    patient_page.reload()
    expect(replies(patient_page).filter(has_text="Are you alone?")).to_have_count(1)
    nurse.reload()
    expect(nurse.locator("#chat .staff")).to_have_count(1)

    nurse.get_by_role("button", name="Hand back to the robot").click()
    expect(replies(patient_page).filter(has_text="The robot is back")).to_have_count(1)
    ask(patient_page, "thank you")
    expect(replies(patient_page).last).to_contain_text("You said: thank you")

    nurse.get_by_label("Emergency services were called").check()
    nurse.get_by_label("A word about it").fill("The crew is there.")
    nurse.locator("#resolve").get_by_role("button", name="Close the case").click()
    expect(nurse.get_by_text("Nothing is waiting")).to_be_visible()
    assert open_cases(engine) == []
    done = [e["event"] for e in history(engine, 1) if e["event"] != "added"]
    assert done == [
        "opened", "acknowledged", "claimed", "handover_began", "replied", "handover_ended",
        "resolved",
    ]  # fmt: skip


def test_equal_words_of_staff_are_all_there_after_a_reload(
    staff_page: Callable[..., Page], patient_page: Page
) -> None:
    nurse = staff_page()
    ask(patient_page, OVERDOSE)
    nurse.get_by_role("link", name="Case 1").click()
    for _ in range(2):
        nurse.get_by_label("Write to the patient").fill("ok")
        nurse.get_by_role("button", name="Send to the patient").click()
        expect(nurse.get_by_label("Write to the patient")).to_have_value("")
    oks = replies(patient_page).filter(has=patient_page.get_by_text("ok", exact=True))
    expect(oks).to_have_count(2)
    patient_page.reload()
    expect(oks).to_have_count(2)
    expect(patient_page.locator("#log .person")).to_have_count(1)


def test_the_same_story_by_keyboard_alone(
    staff_page: Callable[..., Page], patient_page: Page
) -> None:
    nurse = staff_page()
    live(nurse)
    ask(patient_page, OVERDOSE)
    expect(nurse.locator(".case")).to_have_count(1)

    def tab_to(name: str) -> None:
        for _ in range(60):
            nurse.keyboard.press("Tab")
            active = nurse.evaluate(
                "(document.activeElement.labels?.[0] ?? document.activeElement).innerText"
            )
            if active.startswith(name):
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to("I’m on it")
    nurse.keyboard.press("Enter")
    expect(nurse.get_by_text("You have this case")).to_be_visible()
    tab_to("Write to the patient")  # a link to the box
    nurse.keyboard.press("Enter")
    expect(nurse.get_by_label("Write to the patient")).to_be_focused()
    nurse.keyboard.type("Please call 911.")
    nurse.keyboard.press("Control+Enter")
    expect(replies(patient_page).filter(has_text="Please call 911.")).to_have_count(1)
    expect(nurse.get_by_label("Write to the patient")).to_be_focused()
    nurse.reload()
    tab_to("Hand back to the robot")
    nurse.keyboard.press("Enter")
    expect(nurse.get_by_role("status").filter(has_text="Handed back")).to_be_visible()
    expect(replies(patient_page).filter(has_text="The robot is back")).to_have_count(1)
    tab_to("Emergency services were called")
    nurse.keyboard.press("Space")
    tab_to("Close the case")
    nurse.keyboard.press("Enter")
    expect(nurse.get_by_text("Nothing is waiting")).to_be_visible()


def test_two_of_the_staff_see_who_has_a_case_without_reloading(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    conversation_with(engine, rasa, OVERDOSE)
    one, other = staff_page("triage"), staff_page("clinician")
    live(other)
    one.get_by_role("button", name="I’m on it").click()
    expect(other.locator(".case-holder")).to_contain_text("triage has it")
    expect(other.get_by_role("button", name="I’m on it")).to_have_count(0)


def test_a_reply_half_typed_survives_news_a_reload_and_a_restart(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa, clinic: Served
) -> None:
    sender, case = conversation_with(engine, rasa, OVERDOSE)
    nurse = staff_page(to=f"/staff/cases/{case}")
    live(nurse)
    box = nurse.get_by_label("Write to the patient")
    box.fill("Please stay with")
    conversation_with(engine, rasa, "she cannot breathe", sender=sender)
    expect(nurse.locator("#chat .patient")).to_have_count(2)
    expect(box).to_have_value("Please stay with")
    expect(box).to_be_focused()
    clinic.stop()
    expect(nurse.locator("#live-state")).to_contain_text("Not live: connection lost")
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.locator("#reply-problem")).to_contain_text("cannot be reached")
    expect(box).to_have_value("Please stay with")
    clinic.start()
    expect(nurse.locator("#live-state")).to_have_text("Live", timeout=20_000)
    nurse.reload()
    expect(box).to_have_value("Please stay with")
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.locator("#chat .staff")).to_have_count(1)
    expect(box).to_have_value("")
    nurse.reload()
    expect(box).to_have_value("")


def test_without_rasa_a_reply_stays_in_the_box_and_is_sent_once_later(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa, rasa_server: Served
) -> None:
    sender, case = conversation_with(engine, rasa, OVERDOSE)
    nurse = staff_page(to=f"/staff/cases/{case}")
    rasa_server.stop()
    nurse.get_by_label("Write to the patient").fill("Please call 911.")
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.locator("#reply-problem")).to_contain_text("Rasa cannot be reached")
    expect(nurse.get_by_label("Write to the patient")).to_have_value("Please call 911.")
    rasa_server.start()
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.locator("#chat .staff")).to_have_count(1)
    said = [e["text"] for e in rasa.events[sender] if e["event"] == "bot"]
    assert said.count("Please call 911.") == 1


def test_vetted_text_is_put_into_the_box_to_be_read_before_it_is_sent(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    sender, case = conversation_with(engine, rasa, OVERDOSE)
    nurse = staff_page(to=f"/staff/cases/{case}")
    before = len(rasa.events[sender])
    nurse.get_by_text("Vetted text to send").click()
    nurse.get_by_role("button", name="Too much was taken").click()
    box = nurse.get_by_label("Write to the patient")
    expect(box).to_have_value(re.compile("^Get help right now"))
    expect(box).to_be_focused()
    assert len(rasa.events[sender]) == before


def test_a_new_emergency_rings_and_notifies_without_a_word_of_the_patient(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    nurse = staff_page()
    nurse.add_init_script(RECORDED_NOTIFICATIONS)
    nurse.reload()
    live(nurse)
    assert nurse.evaluate("document.body.dataset.rang") is None
    conversation_with(engine, rasa, MISTAKE)
    expect(nurse.locator(".case")).to_have_count(1)
    assert nurse.evaluate("window.notified") == []
    nurse.get_by_role("button", name="Sound and notifications: off").click()
    expect(nurse.get_by_role("button", name="Sound and notifications: on")).to_be_visible()
    rang = int(nurse.evaluate("document.body.dataset.rang"))
    _, case = conversation_with(engine, rasa, OVERDOSE)
    expect(nurse.locator(".case")).to_have_count(2)
    expect(nurse.locator("#announce")).to_contain_text(f"Emergency: case {case}")
    assert int(nurse.evaluate("document.body.dataset.rang")) == rang + 1
    assert nurse.evaluate("window.notified") == [
        [f"Emergency: case {case}", "Overdose. Nobody has seen it yet."]
    ]
    expect(nurse).to_have_title("(1) Queue – medassist staff")


def test_sound_is_never_asked_for_at_load_and_an_alarm_rings_once(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    nurse = staff_page()
    nurse.add_init_script(
        "window.asked = 0; Notification.requestPermission = async () => { window.asked += 1; return 'denied'; }"
    )
    conversation_with(engine, rasa, OVERDOSE)
    nurse.reload()
    live(nurse)
    expect(nurse.locator(".case")).to_have_count(1)
    assert nurse.evaluate("window.asked") == 0
    nurse.get_by_role("button", name="Sound and notifications: off").click()
    rang = int(nurse.evaluate("document.body.dataset.rang"))
    conversation_with(engine, rasa, MISTAKE)
    expect(nurse.locator(".case")).to_have_count(2)
    assert int(nurse.evaluate("document.body.dataset.rang")) == rang


def test_danger_in_a_chat_that_staff_hold_is_called_out(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    sender, case = conversation_with(engine, rasa, MISTAKE)
    nurse = staff_page(to=f"/staff/cases/{case}")
    live(nurse)
    nurse.get_by_role("button", name="Step in without writing").click()
    live(nurse)
    conversation_with(engine, rasa, "she cannot breathe", sender=sender)
    expect(nurse.locator("#announce")).to_contain_text("emergency")
    expect(nurse.locator("#chat .patient").last.locator(".badge")).to_have_text("Emergency")
    assert find_case(engine, case).level == "emergency"
    expect(nurse.locator("#case-state .badge").first).to_have_text("Emergency")


def test_an_open_page_says_that_its_sign_in_has_ended(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa, clinic: Served
) -> None:
    nurse = staff_page()
    live(nurse)
    cookies = {c["name"]: c["value"] for c in nurse.context.cookies()}
    token = nurse.locator('meta[name="csrf-token"]').get_attribute("content")
    httpx.post(f"{clinic.url}/staff/sign-out", cookies=cookies, data={"csrf_token": token})
    conversation_with(engine, rasa, OVERDOSE)
    expect(nurse.locator("#signed-out")).to_be_visible()
    expect(nurse.locator("#live-state")).to_have_text("Not live: you are signed out")
    expect(nurse.locator(".case")).to_have_count(0)


def test_the_desk_reads_and_opens_a_case(staff_page: Callable[..., Page]) -> None:
    nurse = staff_page(to="/staff/desk")
    nurse.get_by_label("What the patient or caller said").fill(OVERDOSE)
    nurse.get_by_role("button", name="Read it").click()
    expect(nurse.locator("#reading-heading")).to_contain_text("Overdose")
    expect(nurse.locator(".sheet")).to_contain_text("120 mg")
    nurse.get_by_label("Who called").fill("Mr C, 555-0100")
    nurse.get_by_role("button", name="Open a case").click()
    expect(
        nurse.get_by_role("status").filter(has_text="Case 1 is open, and yours.")
    ).to_be_visible()
    expect(nurse.get_by_text("Mr C, 555-0100").first).to_be_visible()
    nurse.goto(nurse.url.replace("/cases/1", "/desk"))
    expect(nurse.get_by_label("What the patient or caller said")).to_have_value("")


# ── for everyone ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa, viewport: dict[str, int],
    scheme: str,
) -> None:  # fmt: skip
    nurse = staff_page(viewport=viewport, color_scheme=scheme)
    found: list[str] = []

    def look(what: str) -> None:
        result = Axe().run(nurse, options={"resultTypes": ["violations"]})
        if result.violations_count:
            found.append(f"{what}: {result.generate_report()}")
        over = nurse.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            found.append(f"{what}: {over} px too wide")

    look("empty queue")
    _, urgent = conversation_with(engine, rasa, MISTAKE)
    _, case = conversation_with(engine, rasa, "hello", OVERDOSE, "she has no seizure")
    conversation_with(engine, rasa, "can i talk to a person")
    nurse.reload()
    live(nurse)
    look("queue")
    nurse.goto(nurse.url.replace("/staff", f"/staff/cases/{urgent}"))
    look("case beside an emergency")
    nurse.goto(nurse.url.replace(f"cases/{urgent}", f"cases/{case}"))
    for one in nurse.locator("main details:not(details details) > summary").all()[:12]:
        one.click()
    nurse.get_by_label("Write to the patient").fill("Please call 911.")
    nurse.get_by_role("button", name="Send to the patient").click()
    expect(nurse.locator("#chat .staff")).to_have_count(1)
    look("case with everything open")
    nurse.goto(f"{nurse.url}/sheet")
    look("sheet")
    nurse.goto(nurse.url.replace(f"cases/{case}/sheet", "desk"))
    look("desk")
    nurse.get_by_label("What the patient or caller said").fill(OVERDOSE)
    nurse.get_by_role("button", name="Read it").click()
    expect(nurse.locator("#reading-heading")).to_be_visible()
    look("what the desk read")
    nurse.goto(nurse.url.replace("desk", "closed"))
    look("closed cases")
    assert found == []


def test_a_narrow_screen_and_large_text_hold_every_page(
    staff_page: Callable[..., Page], engine: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(engine, rasa, f"{OVERDOSE} {'x' * 300}")
    nurse = staff_page(viewport={"width": 320, "height": 640})
    base = nurse.url
    for path in ("", f"/cases/{case}", f"/cases/{case}/sheet", "/desk", "/closed"):
        nurse.goto(f"{base}{path}")
        assert nurse.evaluate("document.documentElement.scrollWidth") <= 320, path
