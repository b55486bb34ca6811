"""One poller tells many pages that there is something new, and nothing of what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from starlette.exceptions import HTTPException

from medassist.cases.cases import add_note
from medassist.storage.database import migrate, open_database
from medassist.web.console import watch as module
from medassist.web.console.watch import Watch
from tests.web.console.cases import OVERDOSE, conversation_with
from tests.web.console.staff import StaffMember
from tests.web.rasa_stand_in import StandInRasa

QUICK = 0.02


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'medassist.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def conversations(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'conversations.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def rasa(tmp_path: Path) -> StandInRasa:
    return StandInRasa("", tracker_database=f"sqlite:///{tmp_path / 'conversations.db'}")


async def first(news: AsyncIterator[bool]) -> bool:
    return await asyncio.wait_for(news.__anext__(), 10)


class OpenPage:
    """A page that listens; `heard` counts how often it was told to look."""

    def __init__(self, watch: Watch, conversation: str | None = None) -> None:
        self.heard = 0
        self._task = asyncio.create_task(self._listen(watch, conversation))

    async def _listen(self, watch: Watch, conversation: str | None) -> None:
        async for new in watch.news(conversation):
            self.heard += new

    async def hears_more_than(self, before: int) -> None:
        async def wait() -> None:
            while self.heard <= before:
                await asyncio.sleep(QUICK / 4)

        await asyncio.wait_for(wait(), 10)


async def settled() -> None:
    """The poller has looked at least once."""
    await asyncio.sleep(10 * QUICK)


def said(rasa: StandInRasa, sender: str) -> None:
    rasa.store(sender, [{"event": "user", "text": "hello", "timestamp": 1.0}])


def test_a_change_of_any_case_is_told_to_every_page(
    cases: Engine, conversations: Engine, rasa: StandInRasa
) -> None:
    _, case = conversation_with(cases, rasa, OVERDOSE)

    async def story() -> None:
        watch = Watch(cases, conversations, QUICK)
        pages = [OpenPage(watch) for _ in range(3)]
        for page in pages:
            await page.hears_more_than(0)
        await settled()
        before = [page.heard for page in pages]
        await settled()
        assert [page.heard for page in pages] == before  # nothing happened, nothing is told
        add_note(cases, case, "triage", "hello")
        for page, count in zip(pages, before):
            await page.hears_more_than(count)
        watch.close()

    asyncio.run(story())


def test_a_message_is_told_to_the_page_of_its_conversation_only(
    cases: Engine, conversations: Engine, rasa: StandInRasa
) -> None:
    said(rasa, "web-a")
    said(rasa, "web-b")

    async def story() -> None:
        watch = Watch(cases, conversations, QUICK)
        own, other = OpenPage(watch, "web-a"), OpenPage(watch, "web-b")
        await settled()
        before, others = own.heard, other.heard
        said(rasa, "web-a")
        await own.hears_more_than(before)
        await settled()
        assert other.heard == others
        watch.close()

    asyncio.run(story())


def test_the_first_message_of_a_conversation_is_told(
    cases: Engine, conversations: Engine, rasa: StandInRasa
) -> None:
    async def story() -> None:
        watch = Watch(cases, conversations, QUICK)
        page = OpenPage(watch, "web-new")  # Rasa has made no table yet
        await settled()
        before = page.heard
        said(rasa, "web-new")
        await page.hears_more_than(before)
        watch.close()

    asyncio.run(story())


def test_the_poller_rests_when_nobody_listens(cases: Engine, conversations: Engine) -> None:
    looks = 0

    def count(*_: Any) -> None:
        nonlocal looks
        looks += 1

    async def story() -> None:
        nonlocal looks
        watch = Watch(cases, conversations, QUICK)
        pages = [watch.news() for _ in range(20)]
        for page in pages:
            assert await first(page)
        await settled()
        with_twenty = looks
        await settled()
        assert 0 < looks - with_twenty < 60  # one poller, not twenty
        for page in pages:
            await page.aclose()  # type: ignore[attr-defined]
        await settled()
        resting = looks
        await settled()
        assert looks == resting

    event.listen(cases, "before_cursor_execute", count)
    asyncio.run(story())


def test_a_quiet_stream_gives_signs_of_life_and_ends_when_the_server_stops(
    cases: Engine, conversations: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", QUICK)

    async def story() -> None:
        watch = Watch(cases, conversations, 10)
        page = watch.news()
        assert await first(page) is True
        told = [await first(page) for _ in range(3)]
        assert False in told
        watch.close()
        with pytest.raises(StopAsyncIteration):
            await first(page)

    asyncio.run(story())


def test_a_stream_ends_after_a_while_so_that_the_sign_in_is_looked_at_again(
    cases: Engine, conversations: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_STREAM_SECONDS", 5 * QUICK)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", QUICK)

    async def story() -> None:
        told = [new async for new in Watch(cases, conversations, QUICK).news()]
        assert len(told) > 1

    asyncio.run(asyncio.wait_for(story(), 20))


def test_too_many_pages_are_refused(
    cases: Engine, conversations: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LISTENERS", 2)

    async def story() -> None:
        watch = Watch(cases, conversations, QUICK)
        pages = [watch.news() for _ in range(2)]
        for page in pages:
            await first(page)
        with pytest.raises(HTTPException):
            await first(watch.news())
        watch.close()

    asyncio.run(story())


def test_the_stream_holds_no_word_of_any_patient_and_needs_a_sign_in(
    engine: Engine, signed_in: Callable[[str], StaffMember], new_member: Callable[[], StaffMember]
) -> None:
    elsewhere = StandInRasa("")
    _, case = conversation_with(engine, elsewhere, OVERDOSE)
    viewer = signed_in("viewer")
    for path in ("/staff/events", f"/staff/cases/{case}/events"):
        with viewer.http.stream("GET", path) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = []
            for line in response.iter_lines():
                lines.append(line)
                if line.startswith("data:"):
                    break
        assert lines == ["retry: 1000", "", "event: change", "data: look"]
        stranger = new_member().http.get(path, headers={"Accept": "text/event-stream"})
        assert stranger.status_code == 401
