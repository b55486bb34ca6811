"""What the chat page promises to whoever sits in front of it, in a real Chromium."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.chromium import DESK, NEEDS_CHROMIUM, PHONE, ask, replies, said
from tests.web.patient import push
from tests.web.rasa_stand_in import (
    ANSWER,
    EMERGENCY,
    ERASED,
    SAFETY_QUESTION,
    STAFF_TOLD,
    StandInRasa,
)
from tests.web.served import Served
from tests.web.test_front_door import eventually, sender_of

pytestmark = NEEDS_CHROMIUM


# ── asking ──────────────────────────────────────────────────────────────────────────────────


def test_the_first_words_say_what_it_is_and_what_it_keeps(page: Page) -> None:
    intro = page.locator(".intro")
    for words in ("robot", "checked sources", "baclofen", "not a doctor", "this chat is kept"):
        expect(intro).to_contain_text(words)


def test_a_question_gets_its_streamed_answer(page: Page, rasa: StandInRasa) -> None:
    rasa.script["I missed a dose"] = [ANSWER]
    ask(page, "I missed a dose")
    expect(page.locator("#log .person")).to_contain_text("I missed a dose")
    answer = replies(page)
    expect(answer).to_have_count(1)
    expect(answer).to_contain_text("take it as soon as you remember")
    expect(answer.get_by_role("listitem").first).to_contain_text("skip the missed one")
    expect(answer.locator(".help strong")).to_have_text("When to get help:")
    expect(answer.locator(".help a")).to_have_attribute("href", "tel:911")
    expect(page.get_by_label("Your question")).to_have_value("")


def test_sources_are_folded_under_the_answer_with_date_and_review(
    page: Page, rasa: StandInRasa
) -> None:
    rasa.script["missed"] = [ANSWER]
    ask(page, "missed")
    sources = replies(page).locator("details")
    expect(sources.locator("summary")).to_contain_text("3 sources, checked 21 Nov 2026")
    expect(sources.locator("summary")).to_contain_text("not approved by a clinician")
    link = sources.get_by_role("link", name="MedlinePlus")
    expect(link).to_be_hidden()
    sources.locator("summary").click()
    expect(link).to_have_attribute("href", "https://medlineplus.gov/druginfo/meds/a682530.html")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(replies(page).get_by_text("Sources (checked")).to_have_count(0)


def test_a_source_cannot_bring_script(page: Page, rasa: StandInRasa) -> None:
    source = {"title": "bad", "publisher": "x", "url": "javascript:alert(1)", "checked": "2026"}
    rasa.script["q"] = [{"text": "answer", "custom": {"sources": [source]}}]
    ask(page, "q")
    expect(replies(page).locator("details")).to_have_count(1)
    expect(replies(page).locator("details a")).to_have_count(0)


def test_quick_replies_send_their_words_and_stay(page: Page, rasa: StandInRasa) -> None:
    rasa.script["missed"] = [ANSWER]
    ask(page, "missed")
    choice = replies(page).get_by_role("button", name="How much baclofen is usual?")
    choice.click()
    expect(page.locator("#log .person").nth(1)).to_contain_text("How much baclofen is usual?")
    expect(replies(page).nth(1)).to_have_text(re.compile("You said: How much baclofen is usual\\?"))
    expect(choice).to_be_visible()
    expect(choice).to_be_enabled()


@pytest.mark.parametrize("words", ["Talk to a person", "Delete my data"])
def test_a_person_and_erasure_are_always_in_reach(page: Page, words: str) -> None:
    button = page.locator(".always").get_by_role("button", name=words)
    expect(button).to_be_in_viewport()
    button.click()
    expect(replies(page)).to_contain_text(f"You said: {words}")
    expect(button).to_be_in_viewport()


def test_the_emergency_number_is_always_in_sight(page: Page) -> None:
    for number in range(6):
        ask(page, f"question {number} " + "more words " * 40)
        expect(replies(page)).to_have_count(number + 1)
    line = page.get_by_role("link", name="In danger? Call 911")
    expect(line).to_be_in_viewport()
    expect(line).to_have_attribute("href", "tel:911")


def test_shift_and_enter_makes_a_new_line(page: Page) -> None:
    box = page.get_by_label("Your question")
    box.fill("one")
    box.press("Shift+Enter")
    page.keyboard.type("two")
    expect(box).to_have_value("one\ntwo")
    box.press("Enter")
    expect(page.locator("#log .person .words")).to_have_text("one\ntwo")


def test_dots_show_only_after_a_second(page: Page, rasa: StandInRasa, front_door: Served) -> None:
    rasa.delay = 30
    ask(page, "slow")
    expect(page.locator("#log .person")).to_have_count(1)
    page.wait_for_timeout(400)
    expect(page.locator("#typing")).to_be_hidden()
    expect(page.locator("#typing")).to_be_visible(timeout=2000)


# ── emergencies ─────────────────────────────────────────────────────────────────────────────


def test_the_emergency_card_comes_first_with_one_tap_to_call(page: Page, rasa: StandInRasa) -> None:
    rasa.script["he took 30 pills"] = [EMERGENCY, STAFF_TOLD]
    ask(page, "he took 30 pills")
    expect(replies(page)).to_have_count(2)
    card = replies(page).first
    expect(card.get_by_role("alert").get_by_role("heading")).to_have_text("Call 911 now")
    expect(card.get_by_role("heading")).to_be_in_viewport()
    call = card.get_by_role("link", name="Call 911", exact=True)
    expect(call).to_have_attribute("href", "tel:911")
    expect(call).to_be_in_viewport()
    assert (call.bounding_box() or {})["height"] >= 48
    expect(card.locator("p").first).to_contain_text("Then call Poison Help")
    expect(card.locator("a.tel")).to_have_attribute("href", "tel:18002221222")
    page.get_by_label("Your question").focus()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if call.evaluate("node => node === node.getRootNode().activeElement"):
            break
    expect(call).to_be_focused()
    expect(page.get_by_label("Your question")).to_be_enabled()


def test_a_card_that_was_said_before_the_page_could_listen_is_announced_too(
    page: Page, rasa: StandInRasa
) -> None:
    rasa.script["he took 30 pills"] = [EMERGENCY]

    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/chat/history", late)
    ask(page, "he took 30 pills")
    expect(page.locator("#log").get_by_role("alert")).to_have_text("Call 911 now")
    expect(page.locator("#log")).to_have_attribute("aria-live", "polite")


def test_the_card_is_still_there_after_a_reload_but_does_not_shout(
    page: Page, rasa: StandInRasa
) -> None:
    rasa.script["he took 30 pills"] = [EMERGENCY]
    ask(page, "he took 30 pills")
    expect(replies(page)).to_have_count(1)
    page.reload()
    expect(page.locator("#log .card").get_by_role("heading")).to_have_text("Call 911 now")
    expect(page.locator("#log").get_by_role("alert")).to_have_count(0)


def test_the_safety_question_is_a_card_with_its_answers(page: Page, rasa: StandInRasa) -> None:
    rasa.script["hm"] = [SAFETY_QUESTION]
    ask(page, "hm")
    card = page.locator("#log .card-urgent")
    expect(card.get_by_role("heading")).to_contain_text("I want to be sure you are safe")
    expect(card.get_by_role("link", name="Call 911", exact=True)).to_be_visible()
    card.get_by_role("button", name="Yes").click()
    expect(replies(page).nth(1)).to_contain_text("You said: Yes")


# ── nothing twice, nothing lost ─────────────────────────────────────────────────────────────


def test_the_conversation_is_kept_over_a_reload(page: Page, rasa: StandInRasa) -> None:
    rasa.script["missed"] = [ANSWER]
    ask(page, "missed")
    expect(replies(page)).to_have_count(1)
    ask(page, "thanks")
    expect(replies(page)).to_have_count(2)
    before = said(page).evaluate_all("nodes => nodes.map(node => node.dataset.id)")
    page.reload()
    expect(said(page)).to_have_count(4)
    assert said(page).evaluate_all("nodes => nodes.map(node => node.dataset.id)") == before
    expect(page.locator("#log details")).to_have_count(1)


def test_a_second_tab_shows_the_same(page: Page, front_door: Served) -> None:
    ask(page, "hello")
    expect(said(page)).to_have_count(2)
    other = page.context.new_page()
    other.goto(front_door.url)
    expect(said(other)).to_have_count(2)
    ask(other, "and you?")
    for tab in (page, other):
        expect(said(tab)).to_have_count(4)
        expect(said(tab).nth(3)).to_contain_text("You said: and you?")


def test_a_reply_said_again_is_shown_once(page: Page, front_door: Served) -> None:
    ask(page, "hello")
    expect(replies(page)).to_have_count(1)
    key = page.evaluate("localStorage['medassist.conversation']")
    for _ in range(3):
        push(front_door.url, sender_of(key), {"id": "again-again.0", "text": "only once"})
    expect(replies(page)).to_have_count(2)
    page.wait_for_timeout(200)
    expect(replies(page)).to_have_count(2)


def test_a_reply_that_staff_pushed_is_shown_once(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    ask(page, "hello")
    expect(replies(page)).to_have_count(1)
    sender = sender_of(page.evaluate("localStorage['medassist.conversation']"))
    push(front_door.url, sender, {"text": "This is Ann from the clinic."})
    expect(replies(page)).to_have_count(2)
    assert eventually(lambda: sender in rasa.events)
    rasa.events[sender].append(
        {"event": "bot", "text": "This is Ann from the clinic.", "data": {}, "timestamp": 1.0}
    )
    front_door.stop()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    front_door.start()
    expect(page.locator("#connection")).to_be_empty(timeout=20000)
    expect(page.locator('#log [data-id$=".1"]')).to_contain_text("Ann")
    expect(replies(page)).to_have_count(2)


def test_hostile_text_shows_as_text(page: Page, rasa: StandInRasa) -> None:
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    rasa.script[hostile] = [
        {
            "text": f"{hostile}\n• {hostile}\nWhen to get help: {hostile}",
            "buttons": [{"title": hostile, "payload": hostile}],
            "custom": {"sources": [{"title": hostile, "publisher": hostile, "checked": hostile}]},
        },
        {
            "text": f"{hostile}\nmore",
            "custom": {"card": "emergency", "heading": hostile, "call": hostile, "level": hostile},
        },
    ]
    ask(page, hostile)
    expect(replies(page)).to_have_count(2)
    expect(page.locator("#log .person .words")).to_have_text(hostile)
    expect(replies(page).first).to_contain_text(hostile)
    expect(replies(page).nth(1).get_by_role("heading")).to_have_text(hostile)
    expect(page.locator("#log img, #log script")).to_have_count(0)
    expect(page).to_have_title("medassist: questions about medicines")


def test_rasa_down_is_owned_up_to_and_the_message_can_be_sent_again(
    page: Page, rasa_server: Served
) -> None:
    rasa_server.stop()
    ask(page, "hello")
    expect(replies(page)).to_contain_text("I can't reach my answers right now")
    expect(replies(page).locator("a")).to_have_attribute("href", "tel:911")
    rasa_server.start()
    page.get_by_role("button", name="Send again").click()
    expect(replies(page).nth(1)).to_contain_text("You said: hello")
    expect(page.locator("#log .person")).to_have_count(1)
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)


def test_a_front_door_that_is_gone_shows_the_numbers_and_keeps_the_message(
    page: Page, front_door: Served
) -> None:
    ask(page, "hello")
    expect(replies(page)).to_have_count(1)
    front_door.stop()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    ask(page, "are you there?")
    cut_off = page.locator("#cut-off")
    expect(cut_off).to_be_visible()
    expect(cut_off.get_by_role("link", name="911")).to_have_attribute("href", "tel:911")
    expect(cut_off).to_contain_text("1-800-222-1222")
    expect(page.locator("#log .unsent")).to_contain_text("Not sent")
    front_door.start()
    expect(said(page)).to_have_count(4, timeout=20000)
    expect(replies(page).nth(1)).to_contain_text("You said: are you there?")
    expect(cut_off).to_be_hidden()
    expect(page.locator("#connection")).to_be_empty()
    expect(page.locator("#log .unsent")).to_have_count(0)


def test_an_unsent_message_outlives_a_reload(page: Page, front_door: Served) -> None:
    page.route("**/chat/**", lambda route: route.abort())
    ask(page, "please keep this")
    expect(page.locator("#log .unsent")).to_contain_text("please keep this")
    page.reload()
    expect(page.locator("#log .unsent")).to_contain_text("please keep this")
    expect(page.locator("#cut-off")).to_be_visible()
    page.unroute_all(behavior="wait")
    page.get_by_role("button", name="Send again").click()
    expect(replies(page)).to_contain_text("You said: please keep this", timeout=20000)
    expect(page.locator("#log .person")).to_have_count(1)


def test_what_was_answered_and_is_in_no_record_is_sent_again_and_shown_once(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    ask(page, "20 tablets")
    expect(replies(page)).to_have_count(1)
    front_door.stop()
    rasa.events.clear()  # everything lost its power before the turn was stored
    front_door.start()
    assert eventually(lambda: [m["text"] for m in rasa.got] == ["20 tablets"] * 2, 20)
    assert len({m["id"] for m in rasa.got}) == 1
    page.wait_for_timeout(500)
    expect(replies(page)).to_have_count(1)
    expect(page.locator("#log .person")).to_have_count(1)


def test_a_reply_said_while_the_page_was_away_is_there_when_it_is_back(
    page: Page, rasa: StandInRasa, front_door: Served
) -> None:
    rasa.delay = 1.3
    ask(page, "hello")
    expect(page.locator("#log .person")).to_have_count(1)
    page.wait_for_timeout(300)
    front_door.stop()
    page.wait_for_timeout(800)
    front_door.start()
    answer = replies(page).filter(has_text="You said: hello")
    expect(answer).to_have_count(1, timeout=20000)
    expect(page.locator("#log .person")).to_have_count(1)
    expect(page.locator("#connection")).to_be_empty()
    expect(answer).to_have_count(1)


def test_too_long_a_text_stays_in_the_box(page: Page, rasa: StandInRasa) -> None:
    text = "x" * 5001
    ask(page, text)
    problem = page.locator("#problem")
    expect(problem).to_contain_text("5,000 characters")
    expect(problem).to_contain_text("911")
    expect(page.get_by_label("Your question")).to_have_value(text)
    expect(page.locator("#count")).to_contain_text("5,001 of 5,000")
    assert rasa.got == []


def test_an_empty_message_gets_a_word(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#problem")).to_contain_text("type your question")


def test_a_message_refused_for_haste_comes_back_into_the_box(page: Page) -> None:
    key = httpx.post(page.url + "chat/conversations").json()["key"]
    page.evaluate("key => localStorage.setItem('medassist.conversation', key)", key)
    page.reload()
    for number in range(20):
        httpx.post(
            page.url + "chat/messages",
            headers={"X-Conversation-Key": key},
            json={"id": f"message-{number}", "text": "hello"},
        )
    expect(replies(page)).to_have_count(20)
    ask(page, "one too many")
    expect(page.locator("#problem")).to_contain_text("wait")
    expect(page.get_by_label("Your question")).to_have_value("one too many")
    expect(page.locator("#log .person")).to_have_count(20)


def test_after_erasure_the_page_is_empty_and_a_new_conversation_begins(
    page: Page, rasa: StandInRasa
) -> None:
    rasa.script["Yes, delete it"] = [{"text": "Done. It is deleted.", "custom": ERASED}]
    ask(page, "my secret")
    expect(replies(page)).to_have_count(1)
    key = page.evaluate("localStorage['medassist.conversation']")
    ask(page, "Yes, delete it")
    expect(said(page)).to_have_count(1)
    expect(said(page)).to_contain_text("Done. It is deleted.")
    assert page.evaluate("localStorage.length") == 0
    ask(page, "a new start")
    expect(said(page)).to_have_count(3)
    assert page.evaluate("localStorage['medassist.conversation']") not in (key, None)
    page.reload()
    expect(said(page)).to_have_count(2)


# ── how it looks ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_is_wider_than_the_screen(
    open_page: Callable[..., Page], rasa: StandInRasa, width: int
) -> None:
    rasa.script["all"] = [EMERGENCY, ANSWER, SAFETY_QUESTION, {"text": "x" * 400}]
    page = open_page(viewport={"width": width, "height": 640})
    ask(page, "all")
    expect(replies(page)).to_have_count(4)
    page.locator("#log details summary").click()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    for part in (".chat", ".middle"):
        assert page.locator(part).evaluate("node => node.scrollWidth <= node.clientWidth")


def test_what_can_be_tapped_is_large_enough(page: Page, rasa: StandInRasa) -> None:
    rasa.script["all"] = [EMERGENCY, ANSWER]
    ask(page, "all")
    expect(replies(page)).to_have_count(2)
    for target in page.locator("button:visible, .call, .danger-line, summary").all():
        assert (target.bounding_box() or {})["height"] >= 44, target.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "viewport"), [("phone", PHONE), ("desk", DESK)])
def test_screenshots_for_looking_at(
    open_page: Callable[..., Page],
    rasa: StandInRasa,
    tmp_path: Path,
    name: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    """Kept in MEDASSIST_TEST_SCREENSHOTS when that is set, else in the test's own directory."""
    kept = Path(os.environ.get("MEDASSIST_TEST_SCREENSHOTS") or tmp_path)
    rasa.script["I missed a dose of baclofen"] = [ANSWER]
    rasa.script["My dad took 30 baclofen pills and won't wake up"] = [EMERGENCY, STAFF_TOLD]
    page = open_page(viewport=viewport, color_scheme=scheme)
    shot = f"{name}-{scheme}"
    page.screenshot(path=kept / f"{shot}-0-first.png")
    ask(page, "I missed a dose of baclofen")
    expect(replies(page)).to_have_count(1)
    page.screenshot(path=kept / f"{shot}-1-answer.png")
    ask(page, "My dad took 30 baclofen pills and won't wake up")
    expect(replies(page)).to_have_count(3)
    page.screenshot(path=kept / f"{shot}-2-emergency.png")
    assert (kept / f"{shot}-2-emergency.png").stat().st_size > 10_000
