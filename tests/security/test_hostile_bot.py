"""Hostile messages through the real bot with its model, and then what staff see of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
from sqlalchemy import func, select

from medassist.storage.tables import accounts, cases
from tests.channels.conftest import CHANNELS
from tests.channels.test_real_bot import RealClinic, real_clinic
from tests.conftest import wait_until
from tests.security.hostile import DANGER, MARK, TAG, messages
from tests.security.sending import COUNT, EVERY, REFUSED, Visitor, a_database, send
from tests.web.console.staff import StaffMember

SAMPLE = min(COUNT // 2, 1_400)
"""A real answer takes time: fewer than through the stand-in."""
SHARE = SAMPLE // len(EVERY)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealClinic]:
    var = tmp_path_factory.mktemp("hostile-bot")
    more = {"MEDASSIST_NEW_CONVERSATIONS": "100000", "MEDASSIST_COOKIE_SECURE": "0"}
    with a_database() as database, real_clinic(var, **more, **database) as opened:
        yield opened


@pytest.fixture(scope="module")
def staff(real: RealClinic) -> Iterator[StaffMember]:
    """The first administrator, who is told the password once."""
    told = "".join(real.bot.output)
    name = re.search(r"^  Name +(\S+)$", told, re.MULTILINE)
    password = re.search(r"^  Password +(\S+)$", told, re.MULTILINE)
    assert name is not None
    assert password is not None
    member = StaffMember(real.bot.settings.front_door_url)
    assert member.sign_in(name[1], password[1]).status_code == 303
    yield member
    member.close()


class Page(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag.startswith(TAG):
            self.wrong.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.words += data


def share_of(channel: str) -> list[str]:
    return list(messages(SAMPLE, seed=11))[EVERY.index(channel) :: len(EVERY)][:SHARE]


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_bot_answers_a_hostile_message_by_every_channel(
    real: RealClinic, one_client: httpx.Client, channel: str
) -> None:
    asked = []
    for text in share_of(channel):
        person = real.person(channel)
        answer = send(person, text)
        assert answer.status_code in {200, 202} | REFUSED
        if answer.status_code not in REFUSED:
            asked.append((person, text))
    assert wait_until(lambda: real.open_rows() == 0, 240, 0.2), "a message is stuck"
    for person, text in asked:
        said = "\n".join(person.inbox)
        assert said.strip(), text[:200]
        assert "take ten more" not in said or "take ten more" in text
        assert real.bot.environment["MEDASSIST_INTERNAL_SECRET"] not in said
    assert asked[0][0].provider.wrong == []


def test_the_bot_answers_a_hostile_message_on_the_website(
    real: RealClinic, one_client: httpx.Client
) -> None:
    visitor = Visitor(real.bot.settings.front_door_url)
    asked = {}
    for text in share_of("website"):
        id, answer = visitor.say(text)
        assert answer.status_code in {202} | REFUSED
        if answer.status_code == 202:
            asked[id] = text
    assert wait_until(lambda: asked.keys() <= visitor.answered(one_client), 120, 1), [
        text[:200] for id, text in asked.items() if id not in visitor.answered(one_client)
    ]


def test_no_page_of_the_console_takes_a_patients_words_for_markup(
    real: RealClinic, staff: StaffMember
) -> None:
    for number in range(2):  # at least these have opened a case
        html = f'{DANGER[number]} </script><{TAG} onhostile=1>" onhostile="1 {MARK}'
        assert real.say(real.person("generic"), html)
    with real.engine.connect() as connection:
        ids = list(connection.execute(select(cases.c.id).order_by(cases.c.id.desc())).scalars())
    assert len(ids) >= 2
    pages = [
        "/staff",
        "/staff/closed",
        "/staff/asked",
        "/staff/audit",
        "/staff/desk",
        "/staff/live",
    ]
    for id in ids[:30]:
        pages += [f"/staff/cases/{id}", f"/staff/cases/{id}/live", f"/staff/cases/{id}/sheet"]
    shown = 0
    for path in pages:
        answer = staff.get(path)
        assert answer.status_code == 200, path
        page = Page(answer.text)
        assert page.wrong == [], path
        shown += MARK in page.words
    assert shown >= 2  # so patients' words were there to be taken for markup
    desk = staff.post("/staff/desk", text=f"{DANGER[0]} <{TAG} onhostile=1> {MARK}")
    assert desk.status_code == 200
    assert Page(desk.text).wrong == []


def test_nothing_of_it_is_in_a_log_or_has_harmed_the_database(real: RealClinic) -> None:
    for log in (real.bot.settings.var / "logs").glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert MARK not in text, log.name
        faults = text.split("Traceback (most recent call last):")[1:]
        # Rasa logs one for an action that took too long; on a busy machine some do.
        assert [fault[-900:] for fault in faults if "TimeoutError" not in fault] == [], log.name
        assert "Falling back to use" not in text, log.name
    with real.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 1
