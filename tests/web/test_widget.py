"""What the widget promises on somebody else's website, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from medassist.settings import Settings
from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.web.chromium import DESK, NEEDS_CHROMIUM, Visitor, ask, key_of, replies, said
from tests.web.clinic_site import ClinicSite
from tests.web.conftest import settings_in
from tests.web.patient import push
from tests.web.rasa_stand_in import ANSWER, EMERGENCY, StandInRasa
from tests.web.served import Served, free_port
from tests.web.test_front_door import sender_of

pytestmark = NEEDS_CHROMIUM

LARGEST = 20_000
"""Bytes of everything the widget loads, compressed."""


@pytest.fixture
def site_port() -> int:
    return free_port()


@pytest.fixture
def settings(tmp_path: Path, site_port: int) -> Settings:
    """The clinic's website is another site: another name, another port."""
    return settings_in(tmp_path, MEDASSIST_EMBED_ORIGINS=f"http://localhost:{site_port}")


@pytest.fixture
def embed(
    browser: Browser, front_door: Served, site_port: int
) -> Iterator[Callable[..., tuple[Page, ClinicSite]]]:
    """Opens a clinic's page with the widget in it; nothing may have gone wrong unseen."""
    site = ClinicSite(front_door.url)
    server = Served(site.app, site_port)
    server.start()
    visitors: list[Visitor] = []

    def make(attributes: str = "", body: str = "", **options: Any) -> tuple[Page, ClinicSite]:
        site.attributes, site.body = attributes, body
        here = f"http://localhost:{site_port}"
        sites = [here, front_door.url, "data:"]
        visitors.append(Visitor(browser, sites, **{"viewport": DESK, **options}))
        return visitors[-1].open(here + "/"), site

    yield make
    for visitor in visitors:
        visitor.context.close()
    server.stop()
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
def clinic(embed: Callable[..., tuple[Page, ClinicSite]]) -> Page:
    return embed()[0]


def launcher(page: Page) -> Any:
    return page.locator("medassist-chat .launcher")


def open_chat(page: Page) -> Any:
    launcher(page).click()
    dialog = page.get_by_role("dialog", name="Medicine questions")
    expect(dialog).to_be_visible()
    return dialog


# ── one line ────────────────────────────────────────────────────────────────────────────────


def test_one_line_puts_the_chat_on_another_sites_page_under_a_strict_policy(
    clinic: Page, rasa: StandInRasa
) -> None:
    rasa.script["I missed a dose"] = [ANSWER]
    open_chat(clinic)
    ask(clinic, "I missed a dose")
    expect(replies(clinic)).to_contain_text("take it as soon as you remember")
    replies(clinic).locator("summary").click()
    expect(replies(clinic).get_by_role("link", name="MedlinePlus")).to_be_visible()
    clinic.reload()
    expect(said(clinic)).to_have_count(2)


def test_a_closed_chat_asks_the_server_for_nothing_but_itself(clinic: Page) -> None:
    asked: list[str] = []
    clinic.on("request", lambda request: asked.append(request.url))
    clinic.reload()
    expect(launcher(clinic)).to_be_visible()
    clinic.wait_for_timeout(300)
    bot = [url for url in asked if "localhost" not in url and not url.startswith("data:")]
    assert [url.rpartition("/")[2] for url in bot] == ["widget.js"]


def test_all_it_loads_is_small(front_door: Served, clinic: Page) -> None:
    loaded: set[str] = set()
    clinic.on("request", lambda request: loaded.add(request.url))
    clinic.reload()
    open_chat(clinic)
    ask(clinic, "hello")
    expect(replies(clinic)).to_have_count(1)
    files = {url for url in loaded if url.startswith(front_door.url) and "/chat/" not in url}
    assert files == {f"{front_door.url}/widget.js"}
    size = 0
    for url in files:
        with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["content-encoding"] == "gzip"
            size += sum(len(chunk) for chunk in response.iter_raw())
    assert 10_000 < size <= LARGEST


def test_the_sites_own_page_does_not_wait_for_it(
    embed: Callable[..., tuple[Page, ClinicSite]],
) -> None:
    page, _ = embed()
    page.route("**/widget.js", lambda route: None)  # never answered
    page.reload(wait_until="domcontentloaded")
    page.get_by_role("button", name="Book a visit").click()
    expect(page).to_have_title("booked")
    expect(launcher(page)).to_have_count(0)
    page.unroute_all()


def test_the_sites_look_does_not_reach_into_it(clinic: Page) -> None:
    dialog = open_chat(clinic)
    intro = dialog.locator(".intro p").first
    expect(intro).to_be_visible()
    look = intro.evaluate("node => [getComputedStyle(node).fontSize, getComputedStyle(node).color]")
    assert float(look[0].removesuffix("px")) >= 16
    assert look[1] != "rgb(255, 0, 255)"
    expect(dialog.get_by_role("button", name="Talk to a person")).to_be_visible()


def test_an_element_in_the_page_is_used_and_no_second_one_made(
    embed: Callable[..., tuple[Page, ClinicSite]],
) -> None:
    page, _ = embed(body='<medassist-chat inline heading="Ask Larkfield"></medassist-chat>')
    expect(page.get_by_role("region", name="Ask Larkfield")).to_be_visible()
    expect(page.locator("medassist-chat")).to_have_count(1)
    expect(launcher(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Ask Larkfield")).to_be_visible()
    ask(page, "hello")
    expect(replies(page)).to_contain_text("You said: hello")


def test_what_stands_in_the_line_counts(embed: Callable[..., tuple[Page, ClinicSite]]) -> None:
    page, _ = embed('data-open data-heading="Ask us" data-position="left" data-theme="light"')
    dialog = page.get_by_role("dialog", name="Ask us")
    expect(dialog).to_be_visible()
    assert (dialog.bounding_box() or {})["x"] < 100
    page.emulate_media(color_scheme="dark")
    page_colour = page.locator(".chat").evaluate("node => getComputedStyle(node).backgroundColor")
    assert page_colour == "rgb(243, 246, 245)"


def test_the_site_chooses_the_colour(embed: Callable[..., tuple[Page, ClinicSite]]) -> None:
    page, _ = embed()
    expect(launcher(page)).to_be_visible()
    page.evaluate(
        "document.documentElement.style.setProperty('--medassist-accent', 'rgb(90, 30, 120)')"
    )
    colour = launcher(page).evaluate("node => getComputedStyle(node).backgroundColor")
    assert colour == "rgb(90, 30, 120)"


def test_a_second_language_is_one_more_file(
    embed: Callable[..., tuple[Page, ClinicSite]], front_door: Served
) -> None:
    page, site = embed()
    words = "export default { lang: 'cy', launcher: 'Gofynnwch am eich meddyginiaeth', person: 'Siarad' };"
    allowed = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
    page.context.route(
        f"{front_door.url}/static/widget/strings.cy.js",
        lambda route: route.fulfill(body=words, headers=allowed),
    )
    site.attributes = "data-lang=cy-GB"
    page.reload()
    expect(launcher(page)).to_have_text("Gofynnwch am eich meddyginiaeth")
    launcher(page).click()
    expect(page.locator(".chat")).to_have_attribute("lang", "cy")
    expect(page.get_by_role("button", name="Siarad")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_visible()  # what is not translated is English


def test_an_unknown_language_is_english(embed: Callable[..., tuple[Page, ClinicSite]]) -> None:
    page, _ = embed('data-lang="en-US"')
    expect(launcher(page)).to_have_text("Ask about your medicine")


def test_an_element_taken_out_and_put_back_goes_on_once(clinic: Page, rasa: StandInRasa) -> None:
    open_chat(clinic)
    ask(clinic, "hello")
    expect(said(clinic)).to_have_count(2)
    clinic.evaluate(
        "() => { const chat = document.querySelector('medassist-chat');"
        " chat.remove(); document.body.append(chat); }"
    )
    expect(said(clinic)).to_have_count(2)
    ask(clinic, "and now?")
    expect(said(clinic)).to_have_count(4)
    clinic.wait_for_timeout(300)
    expect(said(clinic)).to_have_count(4)
    assert [message["text"] for message in rasa.got] == ["hello", "and now?"]


# ── the corner ──────────────────────────────────────────────────────────────────────────────


def test_the_chat_opens_from_the_corner_and_escape_closes_it(clinic: Page) -> None:
    expect(launcher(clinic)).to_have_attribute("aria-expanded", "false")
    dialog = open_chat(clinic)
    expect(clinic.get_by_label("Your question")).to_be_focused()
    expect(launcher(clinic)).to_be_hidden()
    clinic.get_by_role("button", name="Book a visit").click()  # the page behind stays in use
    expect(clinic).to_have_title("booked")
    clinic.get_by_label("Your question").focus()
    clinic.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(launcher(clinic)).to_be_focused()
    clinic.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close the chat").click()
    expect(launcher(clinic)).to_be_focused()


def test_with_a_finger_the_keyboard_does_not_jump_up(
    embed: Callable[..., tuple[Page, ClinicSite]],
) -> None:
    page, _ = embed(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    launcher(page).tap()
    expect(page.get_by_role("dialog")).to_be_focused()
    box = page.get_by_role("dialog").bounding_box() or {}
    assert (box["x"], box["y"], box["width"]) == (0, 0, 390)


def test_an_open_chat_is_open_on_the_sites_next_page(clinic: Page) -> None:
    open_chat(clinic)
    ask(clinic, "hello")
    expect(said(clinic)).to_have_count(2)
    clinic.goto(clinic.url + "hours")
    expect(clinic.get_by_role("dialog")).to_be_visible()
    expect(said(clinic)).to_have_count(2)
    clinic.get_by_role("button", name="Close the chat").click()
    clinic.reload()
    expect(launcher(clinic)).to_be_visible()
    expect(clinic.get_by_role("dialog")).to_be_hidden()


def test_a_closed_chat_tells_that_there_is_a_reply(clinic: Page, front_door: Served) -> None:
    open_chat(clinic)
    ask(clinic, "hello")
    expect(replies(clinic)).to_have_count(1)
    clinic.keyboard.press("Escape")
    staff = {"staff": {"id": "one", "name": "Kim"}}
    push(front_door.url, sender_of(key_of(clinic)), {"text": "Please call us.", "custom": staff})
    expect(launcher(clinic)).to_have_text("1 new reply")
    launcher(clinic).click()
    expect(replies(clinic).nth(1)).to_be_in_viewport()
    clinic.keyboard.press("Escape")
    expect(launcher(clinic)).to_have_text("Ask about your medicine")


def test_an_emergency_opens_a_closed_chat_and_leaves_the_cursor_where_it_is(
    clinic: Page, rasa: StandInRasa
) -> None:
    rasa.script["he took 30 pills"] = [EMERGENCY]
    rasa.delay = 0.5
    open_chat(clinic)
    ask(clinic, "he took 30 pills")
    clinic.keyboard.press("Escape")
    there = clinic.get_by_role("button", name="Book a visit")
    there.focus()
    expect(clinic.get_by_role("heading", name="Call 911 now")).to_be_in_viewport()
    expect(there).to_be_focused()


# ── whatever happens ────────────────────────────────────────────────────────────────────────


def test_the_numbers_are_there_even_if_the_server_never_answers(clinic: Page) -> None:
    clinic.route("**/chat/**", lambda route: route.abort())
    dialog = open_chat(clinic)
    expect(dialog.get_by_role("link", name="In danger? Call 911")).to_be_visible()
    cut_off = clinic.locator("#cut-off")
    expect(cut_off).to_be_visible()
    expect(cut_off.get_by_role("link", name="1-800-222-1222")).to_be_visible()
    expect(cut_off.get_by_role("link", name="988")).to_be_visible()


def test_a_website_that_is_not_in_the_list_cannot_use_the_chat(
    browser: Browser, rasa_server: Served, tmp_path: Path, settings: Settings, pace: Pace
) -> None:
    others = replace(settings, embed_origins=("https://other.example",))
    front_door = Served(lambda: create_app(others, pace), settings.front_door_port)
    site = Served(ClinicSite(front_door.url).app, free_port())
    for server in (front_door, site):
        server.start()
    visitor = Visitor(browser, ["http://"], viewport=DESK)
    try:
        page = visitor.open(f"http://localhost:{site.port}/")
        open_chat(page)
        ask(page, "hello")
        expect(page.locator("#log .unsent")).to_contain_text("Not sent")
        expect(page.locator("#cut-off")).to_be_visible()
        assert any("blocked by CORS policy" in fault for fault in visitor.faults)
    finally:
        visitor.context.close()
        for server in (site, front_door):
            server.stop()


@pytest.mark.parametrize("text", ["/restart", "/EXTERNAL_staff{}", "/"])
def test_text_that_begins_with_a_slash_is_text(clinic: Page, rasa: StandInRasa, text: str) -> None:
    open_chat(clinic)
    ask(clinic, text)
    expect(replies(clinic)).to_contain_text(f"You said: {text}")
    assert rasa.got[0]["text"] == text


def test_a_message_of_100_kb_stays_in_the_box_and_goes_nowhere(
    clinic: Page, rasa: StandInRasa
) -> None:
    open_chat(clinic)
    box = clinic.get_by_label("Your question")
    box.fill("x" * 100_000)
    box.press("Enter")
    expect(clinic.locator("#problem")).to_contain_text("5,000 characters")
    expect(clinic.locator("#problem")).to_contain_text("911")
    assert len(box.input_value()) == 100_000
    assert rasa.got == []
