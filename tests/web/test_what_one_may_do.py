"""Thumbs, files to keep, deletion with a receipt, and people of the clinic in the chat."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from medassist.settings import Settings
from medassist.storage.database import open_database
from medassist.storage.tables import thumbs
from tests.web.chromium import NEEDS_CHROMIUM, ask, key_of, replies, said
from tests.web.patient import push
from tests.web.rasa_stand_in import ANSWER, EMERGENCY, ERASED, StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import eventually, sender_of

pytestmark = NEEDS_CHROMIUM

REQUESTED = {"text": "I have put this chat on the list.", "custom": {"staff": "requested"}}
RECEIPT = {"text": "Done. I have deleted this chat.", "custom": ERASED}


def kept(settings: Settings) -> list[tuple[str, bool, str]]:
    engine = open_database(settings.database_url)
    query = select(thumbs.c.answer_id, thumbs.c.up, thumbs.c.why)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return rows


def from_staff(front_door: Served, page: Page, id: str, text: str, **custom: object) -> None:
    """A message of staff, as Rasa hands it over; then it is in Rasa's record too."""
    staff = {"staff": {"id": id, "name": "Kim"}, **custom}
    response = push(front_door.url, sender_of(key_of(page)), {"text": text, "custom": staff})
    assert response.status_code == 200


def in_the_record(rasa: StandInRasa, page: Page, id: str, text: str, **custom: object) -> None:
    data = {"custom": {"staff": {"id": id, "name": "Kim"}, **custom}}
    rasa.events[sender_of(key_of(page))].append(
        {"event": "bot", "text": text, "data": data, "timestamp": 1.0}
    )


# ── thumbs ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def answer(page: Page, rasa: StandInRasa) -> Locator:
    rasa.script["missed"] = [ANSWER]
    ask(page, "missed")
    expect(replies(page)).to_have_count(1)
    return replies(page).first


def test_a_thumb_is_kept_with_a_word_why(page: Page, answer: Locator, settings: Settings) -> None:
    down = answer.get_by_role("button", name="No, this did not help")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    why = answer.get_by_label("Tell us why, if you like")
    expect(why).to_be_focused()
    assert kept(settings) == [("baclofen.missed_dose", False, "")]
    page.keyboard.type("It does not say how late is too late")
    page.keyboard.press("Enter")
    expect(answer.get_by_role("status")).to_contain_text("Thank you")
    expect(down).to_be_focused()
    assert kept(settings) == [
        ("baclofen.missed_dose", False, "It does not say how late is too late")
    ]


def test_a_thumb_can_be_changed_and_is_still_there_after_a_reload(
    page: Page, answer: Locator, settings: Settings
) -> None:
    up = answer.get_by_role("button", name="Yes, this helped")
    down = answer.get_by_role("button", name="No, this did not help")
    down.click()
    answer.get_by_role("button", name="No, thanks").click()
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(down).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(up).to_have_attribute("aria-pressed", "true")
    assert kept(settings) == [("baclofen.missed_dose", True, "")]


def test_only_vetted_answers_have_thumbs(page: Page, rasa: StandInRasa) -> None:
    rasa.script["all"] = [EMERGENCY, {"text": "Hello."}, ANSWER]
    ask(page, "all")
    expect(replies(page)).to_have_count(3)
    expect(page.locator(".thumbs")).to_have_count(1)
    expect(replies(page).nth(2).locator(".thumbs")).to_have_count(1)


def test_a_thumb_that_could_not_be_kept_is_owned_up_to(page: Page, answer: Locator) -> None:
    page.route("**/chat/thumbs", lambda route: route.abort())
    up = answer.get_by_role("button", name="Yes, this helped")
    up.click()
    expect(answer.get_by_role("status")).to_contain_text("could not be saved")
    expect(up).to_have_attribute("aria-pressed", "false")


def test_escape_leaves_the_form_and_not_the_chat(open_page: Callable[..., Page]) -> None:
    page = open_page("/demo")
    page.locator(".launcher").click()
    key = httpx.post(page.url.replace("demo", "chat/conversations")).json()["key"]
    page.evaluate("key => localStorage.setItem('medassist.conversation', key)", key)
    page.reload()
    reply = {"id": "message-one.0", **ANSWER}
    push(page.url.removesuffix("/demo"), sender_of(key), reply)
    replies(page).get_by_role("button", name="Yes, this helped").click()
    expect(page.get_by_label("Tell us why")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Tell us why")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


# ── files to keep ───────────────────────────────────────────────────────────────────────────


def test_the_chat_can_be_saved_as_a_text_of_who_when_what_and_from_where(
    page: Page, answer: Locator, front_door: Served
) -> None:
    from_staff(front_door, page, "one", "Please call us at 4.")
    expect(replies(page)).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save chat").click()
    assert download.value.suggested_filename == "medicine-chat.txt"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    parts = ["You:\nmissed", "medassist (robot):", "take it as soon as you remember"]
    parts += ["Baclofen, NHS, https://www.nhs.uk/medicines/baclofen/, checked 21 Nov 2026"]
    parts += ["Kim (clinic staff):\nPlease call us at 4."]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    moments = re.findall(r"^\[\d+ \w+ \d{4}, \d\d:\d\d\] ", text, re.MULTILINE)
    assert len(moments) == 3
    assert "can be wrong" in text


def test_deletion_leaves_a_receipt_that_can_be_saved(page: Page, rasa: StandInRasa) -> None:
    rasa.script["Yes, delete it"] = [RECEIPT]
    ask(page, "my secret")
    expect(replies(page)).to_have_count(1)
    ask(page, "Yes, delete it")
    receipt = page.locator("#log .receipt")
    expect(receipt.get_by_role("heading")).to_have_text("Receipt: this chat is deleted")
    expect(receipt).to_contain_text("Done. I have deleted this chat.")
    expect(said(page)).to_have_count(1)
    ask(page, "a new start")
    expect(said(page)).to_have_count(3)
    expect(receipt).to_be_visible()
    with page.expect_download() as download:
        receipt.get_by_role("button", name="Save this receipt").click()
    assert download.value.suggested_filename == "deletion-receipt.txt"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "Done. I have deleted this chat." in text
    assert "secret" not in text
    assert ("T" in text and "Z" in text) or "+00:00" in text  # the moment, exactly


# ── people of the clinic ────────────────────────────────────────────────────────────────────


def test_staff_are_shown_by_name_and_the_robots_return_is_told(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    rasa.script["Talk to a person"] = [REQUESTED]
    page.get_by_role("button", name="Talk to a person").click()
    who = page.locator("#who")
    expect(who).to_contain_text("You asked for a person")
    from_staff(front_door, page, "a", "Kim from the clinic is here.", handover="began")
    expect(who).to_have_text("Kim from the clinic is here.")
    expect(page.get_by_role("log").locator(".handover")).to_have_text(
        "Kim from the clinic is here."
    )
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    from_staff(front_door, page, "b", "How many did you take?")
    message = page.locator("#log .staff")
    expect(message).to_contain_text("Kim")
    expect(message).to_contain_text("from the clinic")
    expect(message).to_contain_text("How many did you take?")
    from_staff(front_door, page, "c", "The robot is back.", handover="ended")
    expect(page.locator("#log .handover").nth(1)).to_have_text("The robot is back.")
    expect(who).to_be_empty()


def test_while_staff_are_there_no_dots_pretend_that_someone_types(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    ask(page, "hello")
    expect(replies(page)).to_have_count(1)
    from_staff(front_door, page, "a", "Kim from the clinic is here.", handover="began")
    expect(page.locator("#who")).to_contain_text("Kim")
    rasa.script["I took two"] = []
    rasa.slots["handover"] = True
    ask(page, "I took two")
    expect(page.locator("#log .person")).to_have_count(2)
    page.wait_for_timeout(1300)
    expect(page.locator("#typing")).to_be_hidden()


def test_each_word_of_staff_is_shown_once_live_after_a_loss_and_after_a_reload(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    ask(page, "hello")
    expect(replies(page)).to_have_count(1)
    assert eventually(lambda: sender_of(key_of(page)) in rasa.events)
    said_by_kim = [
        ("a", "Kim from the clinic is here.", {"handover": "began"}),
        ("b", "ok", {}),
        ("c", "ok", {}),
        ("d", "The robot is back.", {"handover": "ended"}),
        ("e", "Kim from the clinic is here.", {"handover": "began"}),
    ]
    for id, text, custom in said_by_kim[:2]:
        from_staff(front_door, page, id, text, **custom)
    expect(replies(page)).to_have_count(3)
    for id, text, custom in said_by_kim:
        in_the_record(rasa, page, id, text, **custom)
    front_door.stop()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    front_door.start()
    expect(replies(page)).to_have_count(6, timeout=20000)
    ids = said(page).evaluate_all("nodes => nodes.map(node => node.dataset.id)")
    assert ids[2:] == [f"pushed.{id}" for id, _, _ in said_by_kim]
    expect(page.locator("#who")).to_contain_text("Kim from the clinic is here.")
    page.reload()
    expect(replies(page)).to_have_count(6)
    assert said(page).evaluate_all("nodes => nodes.map(node => node.dataset.id)") == ids
    expect(page.locator("#who")).to_contain_text("Kim from the clinic is here.")


# ── by keyboard alone ───────────────────────────────────────────────────────────────────────


def test_the_whole_story_by_keyboard_alone(
    open_page: Callable[..., Page], rasa: StandInRasa, front_door: Served, settings: Settings
) -> None:
    rasa.script["missed"] = [ANSWER]
    rasa.script["he took 30 pills"] = [EMERGENCY]
    rasa.script["Yes, delete it"] = [RECEIPT]
    rasa.script["Delete my data"] = [
        {"text": "Shall I?", "buttons": [{"title": "Yes, delete it", "payload": "Yes, delete it"}]}
    ]
    page = open_page("/demo", viewport={"width": 1280, "height": 800})

    def go_to(words: str, back: bool = False) -> None:
        """Tab until what has the focus is called so."""
        for _ in range(60):
            page.keyboard.press("Shift+Tab" if back else "Tab")
            name = page.evaluate(
                """() => {
                    let node = document.activeElement;
                    while (node?.shadowRoot) node = node.shadowRoot.activeElement;
                    return node?.ariaLabel || node?.labels?.[0]?.textContent || node?.textContent || "";
                }"""
            )
            if words in name:
                return
        raise AssertionError(f"the keyboard does not get to: {words}")

    go_to("Ask about your medicine")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("missed")
    page.keyboard.press("Enter")
    expect(replies(page)).to_have_count(1)
    go_to("3 sources", back=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="MedlinePlus")).to_be_visible()
    go_to("Yes, this helped")
    page.keyboard.press("Space")
    expect(page.get_by_label("Tell us why")).to_be_focused()
    page.keyboard.type("clear")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Thank you")).to_be_visible()
    assert kept(settings) == [("baclofen.missed_dose", True, "clear")]
    go_to("Your question")
    page.keyboard.type("he took 30 pills")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Call 911 now")).to_be_in_viewport()
    go_to("Call 911", back=True)
    go_to("Talk to a person")
    page.keyboard.press("Enter")
    expect(page.locator("#log .person").nth(2)).to_contain_text("Talk to a person")
    expect(replies(page)).to_have_count(3)
    go_to("Save chat")
    with page.expect_download():
        page.keyboard.press("Enter")
    go_to("Delete my data")
    page.keyboard.press("Enter")
    expect(replies(page)).to_have_count(4)
    go_to("Yes, delete it", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#log .receipt")).to_be_visible()
    go_to("Save this receipt")
    page.keyboard.press("Escape")
    expect(page.locator(".launcher")).to_be_focused()
