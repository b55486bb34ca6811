"""Hostile messages by every channel, with a fast stand-in where the bot would answer.

Each gets a plain reply or an honest refusal: no fault, no silence, and no word of it in a log.
`make hostile` sends 10,000 of them.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from medassist.storage.tables import incoming_messages, outgoing_messages
from tests.channels.conftest import CHANNELS, Clinic, opened_clinic
from tests.conftest import wait_until
from tests.security.hostile import FAMILIES, MARK, messages, spoilt
from tests.security.sending import (
    COUNT,
    EVERY,
    REFUSED,
    Visitor,
    a_database,
    body_of,
    post_json,
    send,
)
from tests.web.served import Served

SHARE = -(-COUNT // len(EVERY))
WITH_JSON = ("telegram", "slack", "messenger", "generic")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    var = tmp_path_factory.mktemp("hostile")
    with (
        a_database() as database,
        opened_clinic(var, MEDASSIST_NEW_CONVERSATIONS="100000", **database) as opened,
    ):
        yield opened


def share_of(channel: str) -> list[str]:
    """A channel's part of all messages, with every kind of them."""
    return list(messages(COUNT + len(EVERY)))[EVERY.index(channel) :: len(EVERY)][:SHARE]


def all_done(clinic: Clinic) -> bool:
    with clinic.engine.connect() as connection:
        return not any(
            connection.execute(
                select(func.count()).select_from(table).where(table.c.done_at.is_(None))
            ).scalar_one()
            for table in (incoming_messages, outgoing_messages)
        )


def assert_nothing_leaked(log: pytest.LogCaptureFixture) -> None:
    """No traceback, no word of a message, no line that a message made."""
    for record in log.records:
        said = record.getMessage()
        assert not record.exc_info, said
        assert MARK not in said
        assert not record.name.startswith("medassist") or "\n" not in said


def test_every_channel_gets_messages_of_every_family() -> None:
    everything = list(messages(COUNT))
    assert len(set(everything)) == COUNT
    assert len(everything) >= len(EVERY) * len(FAMILIES)
    assert list(messages(50)) == everything[:50]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_hostile_message_gets_a_reply_or_an_honest_refusal(
    clinic: Clinic, one_client: httpx.Client, caplog: pytest.LogCaptureFixture, channel: str
) -> None:
    caplog.set_level(logging.INFO)
    accepted: list[tuple[Any, str]] = []
    refused = 0
    for text in share_of(channel):
        person = clinic.person(channel)
        answer = send(person, text)
        assert answer.status_code in {200, 202} | REFUSED, (answer.status_code, text[:200])
        assert "Traceback" not in answer.text
        if answer.status_code in REFUSED:
            refused += 1
        else:
            accepted.append((person, text))
    assert wait_until(lambda: all_done(clinic), 300, 0.1), "a message is stuck"
    assert [text[:200] for person, text in accepted if not "".join(person.inbox).strip()] == []
    assert accepted[0][0].provider.wrong == []
    assert refused <= SHARE // 10  # only what is too large for a request
    assert_nothing_leaked(caplog)
    print(f"\n{channel}: {len(accepted)} answered, {refused} refused as too large")


def test_a_hostile_message_on_the_website_gets_a_reply_or_an_honest_refusal(
    front_door: Served, one_client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    visitor = Visitor(front_door.url)
    accepted: dict[str, str] = {}
    refused = 0
    for text in share_of("website"):
        id, answer = visitor.say(text)
        assert answer.status_code in {202} | REFUSED, (answer.status_code, text[:200])
        if answer.status_code == 202:
            accepted[id] = text
        else:
            refused += 1
            assert "call 911 now" in answer.json()["error"]
    assert wait_until(lambda: accepted.keys() <= visitor.answered(one_client), 60, 1), [
        text[:200] for id, text in accepted.items() if id not in visitor.answered(one_client)
    ][:5]
    assert len(accepted) >= SHARE * 0.8
    assert_nothing_leaked(caplog)
    print(f"\nwebsite: {len(accepted)} answered, {refused} refused as too long or empty")


@pytest.mark.parametrize("channel", WITH_JSON)
def test_a_providers_request_with_wrong_types_is_answered_and_holds_up_nobody(
    clinic: Clinic, one_client: httpx.Client, caplog: pytest.LogCaptureFixture, channel: str
) -> None:
    caplog.set_level(logging.INFO)
    bodies = list(spoilt(body_of(clinic.person(channel), f"hello {MARK}")))
    for body in random.Random(7).sample(bodies, min(len(bodies), SHARE * 4)):
        answer = post_json(clinic.person(channel), body)
        assert answer.status_code < 500, (answer.status_code, str(body)[:400])
    assert wait_until(lambda: all_done(clinic), 60, 0.1), "a message is stuck"
    honest = clinic.person(channel)
    honest.say("and now?")
    assert wait_until(lambda: honest.inbox == ["You said: and now?"], 20, 0.05)
    assert_nothing_leaked(caplog)


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@pytest.mark.parametrize(
    "value", ["", "²", "\x00", "x" * 1000, "'--", "-1", "\r\nA: b", "٣", "\ufffd"]
)
def test_a_form_with_odd_values_is_answered(
    clinic: Clinic, one_client: httpx.Client, channel: str, value: str
) -> None:
    person = clinic.person(channel)
    for name in person.form("hello"):
        assert person.post(person.form("hello", **{name: value})).status_code < 500
    for name in ("NumMedia", "MediaContentType0", "Latitude", "OptOutType"):
        assert person.post(person.form("hello", **{name: value})).status_code < 500
    url = f"https://bot.clinic.example/webhooks/{channel}/status?m=1"
    for field in ("MessageStatus", "ErrorCode"):
        form = {"MessageStatus": "failed", "ErrorCode": "1", field: value}
        assert person.report(url, form).status_code < 500
    for ours in ("²", "", "1" * 400, "-1", "9" * 18):
        url = f"https://bot.clinic.example/webhooks/{channel}/status?m={ours}"
        assert person.report(url, {"MessageStatus": "failed"}).status_code < 500


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_megabyte_is_refused_by_every_channel(
    clinic: Clinic, one_client: httpx.Client, channel: str
) -> None:
    assert send(clinic.person(channel), "a" * 1_000_000).status_code == 413


def test_a_megabyte_is_refused_by_the_website(clinic: Clinic, one_client: httpx.Client) -> None:
    visitor = Visitor(clinic.front_door.url)
    assert visitor.say("a" * 1_000_000)[1].status_code == 413
