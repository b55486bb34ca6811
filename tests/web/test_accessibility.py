"""axe finds nothing in any state of the widget, on its own page and on a clinic's."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.chromium import DESK, NEEDS_CHROMIUM, PHONE, ask, key_of, replies, violations
from tests.web.patient import push
from tests.web.rasa_stand_in import ANSWER, EMERGENCY, ERASED, SAFETY_QUESTION, StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import sender_of

pytestmark = NEEDS_CHROMIUM

NARROW = {"width": 320, "height": 640}
MAGNIFIED = {"width": 640, "height": 400}
"""What is left of a screen of 1280 by 800 at 200 % zoom."""

LOOKS = [
    pytest.param({"viewport": PHONE}, id="phone"),
    pytest.param({"viewport": PHONE, "color_scheme": "dark"}, id="phone-dark"),
    pytest.param({"viewport": NARROW}, id="320px"),
    pytest.param({"viewport": MAGNIFIED}, id="zoom-200"),
    pytest.param({"viewport": DESK, "forced_colors": "active"}, id="forced-colors"),
    pytest.param({"viewport": DESK}, id="desk"),
    pytest.param({"viewport": DESK, "color_scheme": "dark"}, id="desk-dark"),
]


@pytest.fixture
def look(open_page: Callable[..., Page], rasa: StandInRasa) -> Callable[..., Page]:
    rasa.script["missed"] = [ANSWER]
    rasa.script["he took 30 pills"] = [EMERGENCY]
    rasa.script["hm"] = [SAFETY_QUESTION]
    rasa.script["person"] = [{"text": "On the list.", "custom": {"staff": "requested"}}]
    rasa.script["delete"] = [{"text": "Done.", "custom": ERASED}]
    return open_page


def staff(front_door: Served, page: Page, id: str, text: str, **custom: object) -> None:
    said = {"text": text, "custom": {"staff": {"id": id, "name": "Kim"}, **custom}}
    push(front_door.url, sender_of(key_of(page)), said)


@pytest.mark.parametrize("options", LOOKS)
def test_axe_finds_nothing_in_the_chats_story(
    look: Callable[..., Page], front_door: Served, options: dict[str, object]
) -> None:
    page = look(**options)
    expect(page.locator(".intro")).to_be_visible()
    found = {"empty": violations(page)}
    ask(page, "missed")
    expect(replies(page)).to_have_count(1)
    found["answer"] = violations(page)
    page.locator("summary").click()
    found["sources open"] = violations(page)
    replies(page).get_by_role("button", name="No, this did not help").click()
    expect(page.get_by_label("Tell us why")).to_be_visible()
    found["thumbs form"] = violations(page)
    page.get_by_role("button", name="No, thanks").click()
    ask(page, "he took 30 pills")
    expect(page.locator(".card-emergency")).to_have_count(1)
    ask(page, "hm")
    expect(page.locator(".card-question")).to_have_count(1)
    found["cards"] = violations(page)
    ask(page, "person")
    expect(page.locator("#who")).to_contain_text("asked")
    found["waiting for staff"] = violations(page)
    staff(front_door, page, "a", "Kim from the clinic is here.", handover="began")
    staff(front_door, page, "b", "How many did you take?")
    expect(page.locator("#log .staff")).to_have_count(1)
    found["staff there"] = violations(page)
    ask(page, "x" * 5001)
    expect(page.locator("#problem")).to_be_visible()
    found["too long"] = violations(page)
    page.get_by_label("Your question").fill("")
    front_door.stop()
    expect(page.locator("#cut-off")).to_be_visible(timeout=15000)
    ask(page, "are you there?")
    expect(page.locator("#log .unsent")).to_be_visible()
    found["cut off"] = violations(page)
    front_door.start()
    expect(page.locator("#log .unsent")).to_have_count(0, timeout=20000)
    ask(page, "delete")
    expect(page.locator("#log .receipt")).to_be_visible()
    found["receipt"] = violations(page)
    assert {state: faults for state, faults in found.items() if faults} == {}


@pytest.mark.parametrize("options", LOOKS)
def test_axe_finds_nothing_on_a_clinics_page(
    look: Callable[..., Page], options: dict[str, object]
) -> None:
    page = look("/demo", **options)
    expect(page.locator(".launcher")).to_be_visible()
    found = {"closed": violations(page)}
    page.locator(".launcher").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["open"] = violations(page)
    ask(page, "missed")
    expect(replies(page)).to_have_count(1)
    found["answer"] = violations(page)
    assert {state: faults for state, faults in found.items() if faults} == {}


def test_axe_would_find_a_fault(page: Page) -> None:
    expect(page.locator(".intro")).to_be_visible()
    page.locator(".send").evaluate("node => node.removeAttribute('aria-label')")
    assert any("button-name" in fault for fault in violations(page))


def test_with_less_motion_nothing_moves(open_page: Callable[..., Page], rasa: StandInRasa) -> None:
    rasa.delay = 30
    page = open_page(reduced_motion="reduce")
    ask(page, "slow")
    dot = page.locator("#typing i").first
    expect(dot).to_be_visible()
    assert dot.evaluate("node => getComputedStyle(node).animationName") == "none"


def test_magnified_the_header_and_the_box_leave_the_room_to_the_words(
    look: Callable[..., Page],
) -> None:
    page = look(viewport=MAGNIFIED)
    ask(page, "missed")
    expect(replies(page)).to_have_count(1)
    chat, middle = page.locator(".chat"), page.locator(".middle")
    assert chat.evaluate("node => getComputedStyle(node).overflowY") == "auto"
    assert middle.evaluate("node => getComputedStyle(node).overflowY") == "visible"
    expect(replies(page).locator("p").first).to_be_in_viewport()
    page.mouse.wheel(0, 4000)
    expect(page.get_by_role("button", name="Talk to a person")).to_be_in_viewport()
    assert chat.evaluate("node => node.scrollWidth <= node.clientWidth")


@pytest.mark.parametrize("path", ["", "/demo"])
def test_every_page_has_a_title_a_language_and_unique_ids(
    open_page: Callable[..., Page], path: str
) -> None:
    page = open_page(path)
    assert re.search(r"\w", page.title())
    assert page.locator("html").get_attribute("lang") == "en"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
