"""The hub is bounded, forgets what is out of use, and never blocks on a slow listener."""

from __future__ import annotations

import asyncio

import pytest

from medassist.web import hub as hub_module
from medassist.web.history import Message, message
from medassist.web.hub import Event, Hub, TooFastError, TooManyError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(id: str, who: str = "bot") -> Message:
    return message(id, who, "words", None, None, "2026-11-23T00:00:00+00:00")


def test_conversations_out_of_use_are_dropped() -> None:
    clock = Clock()
    hub = Hub(clock)
    hub.conversation("one")
    clock.now = hub_module.IDLE_SECONDS + 1
    hub.conversation("two")
    assert len(hub) == 1


def test_a_conversation_that_is_listened_to_stays() -> None:
    clock = Clock()
    hub = Hub(clock)
    with hub.conversation("one").listener():
        clock.now = hub_module.IDLE_SECONDS + 1
        hub.conversation("two")
        assert len(hub) == 2


def test_there_is_a_most_of_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_CONVERSATIONS", 3)
    clock = Clock()
    hub = Hub(clock)
    for number in range(10):
        clock.now += 1
        hub.conversation(f"quiet {number}")
    assert len(hub) == 3
    with (
        hub.conversation("a").listener(),
        hub.conversation("b").listener(),
        hub.conversation("c").listener(),
        pytest.raises(TooManyError),
    ):
        hub.conversation("d")


def test_what_other_doors_tell_takes_half_of_the_room_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "MOST_CONVERSATIONS", 6)
    hub = Hub(Clock())
    known = hub.conversation("one")
    for number in range(10):
        hub.hear(f"elsewhere {number}", Event("reply", said("m.0")))
    hub.hear("one", Event("reply", said("m.0")))
    assert len(hub) == 3
    assert len(known.recent()) == 1


def test_what_another_door_tells_is_not_told_on() -> None:
    told: list[Event] = []
    hub = Hub(Clock(), lambda _sender, event: told.append(event))
    hub.hear("one", Event("reply", said("m.0")))
    assert not hub.conversation("one").publish(Event("reply", said("m.0")))
    assert told == []
    assert hub.conversation("one").publish(Event("reply", said("m.1")))
    assert [event.message["id"] for event in told] == ["m.1"]


def test_what_was_said_is_kept_for_minutes_only() -> None:
    clock = Clock()
    conversation = Hub(clock).conversation("one")
    conversation.publish(Event("reply", said("m.0")))
    assert len(conversation.recent()) == 1
    clock.now = hub_module.RECENT_SECONDS + 1
    assert conversation.recent() == []


def test_a_listener_that_does_not_keep_up_is_let_go() -> None:
    conversation = Hub().conversation("one")
    with conversation.listener() as listener:
        for number in range(hub_module.MOST_WAITING + 1):
            conversation.publish(Event("reply", said(f"m.{number}")))

        async def read() -> list[Event | None]:
            return [event async for event in listener.events(0.1)]

        assert asyncio.run(read()) == []
        assert listener.ended


def test_after_a_minute_one_may_write_again() -> None:
    clock = Clock()
    conversation = Hub(clock).conversation("one")
    for number in range(20):
        assert conversation.accept(said(f"m{number}", "person"))
    clock.now = 59.5
    with pytest.raises(TooFastError) as refused:
        conversation.accept(said("m20", "person"))
    assert refused.value.seconds == 1
    clock.now = 60
    assert conversation.accept(said("m20", "person"))


def test_sending_the_same_message_again_does_not_count() -> None:
    conversation = Hub(Clock()).conversation("one")
    assert conversation.accept(said("m", "person"))
    assert not any(conversation.accept(said("m", "person")) for _ in range(50))
