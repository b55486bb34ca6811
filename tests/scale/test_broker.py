"""Events reach RabbitMQ, however late it comes, and nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from typing import Any

import aio_pika
import pytest

from medassist.dialogue import broker as module
from medassist.dialogue.broker import RabbitMQ
from tests.conftest import RABBITMQ as ADDRESS
from tests.conftest import free_port


async def relay(port: int) -> asyncio.AbstractServer:
    """A way to the real RabbitMQ on a port of our own, that may be closed and opened again."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", 5672)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
            target.close()

        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)

    return await asyncio.start_server(pass_on, "127.0.0.1", port)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue nobody else has."""
    name = f"test-{secrets.token_hex(6)}"
    monkeypatch.setattr(module, "QUEUE", name)
    monkeypatch.setattr(module, "EXCHANGE", name)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.2)
    return name


def with_rabbit(work: Any, queue: str) -> None:
    async def run() -> None:
        try:
            connection = await aio_pika.connect(ADDRESS)
        except OSError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("no RabbitMQ on this machine (set MEDASSIST_TEST_RABBITMQ_URL)")
        async with connection:
            channel = await connection.channel()
            declared = await channel.declare_queue(queue, durable=True)
            try:
                await work(declared)
            finally:
                await channel.queue_delete(queue)
                await channel.exchange_delete(queue)

    asyncio.run(asyncio.wait_for(run(), 60))


async def arrived(queue: aio_pika.abc.AbstractQueue, wanted: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    deadline = asyncio.get_running_loop().time() + 30
    while len(found) < wanted and asyncio.get_running_loop().time() < deadline:
        message = await queue.get(fail=False, no_ack=True)
        if message is None:
            await asyncio.sleep(0.05)
        else:
            found.append(json.loads(message.body))
    return found


async def start(monkeypatch: pytest.MonkeyPatch, url: str) -> RabbitMQ:
    monkeypatch.setenv("MEDASSIST_EVENT_BROKER_URL", url)
    broker = await RabbitMQ.from_endpoint_config(None)
    assert broker is not None
    return broker


def test_every_event_is_copied(monkeypatch: pytest.MonkeyPatch, queue: str) -> None:
    async def work(declared: aio_pika.abc.AbstractQueue) -> None:
        broker = await start(monkeypatch, ADDRESS)
        for number in range(20):
            broker.publish({"event": "user", "number": number})
        assert sorted(e["number"] for e in await arrived(declared, 20)) == list(range(20))
        await broker.close()

    with_rabbit(work, queue)


def test_a_broker_that_comes_late_gets_what_happened_before(
    monkeypatch: pytest.MonkeyPatch, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(declared: aio_pika.abc.AbstractQueue) -> None:
        port = free_port()
        broker = await start(monkeypatch, ADDRESS.replace("5672", str(port)))
        broker.publish({"event": "user", "text": "my secret"})
        await asyncio.sleep(1)
        server = await relay(port)
        assert [e["text"] for e in await arrived(declared, 1)] == ["my secret"]
        server.close()
        await broker.close()

    with caplog.at_level(logging.INFO):
        with_rabbit(work, queue)
    said = [r.getMessage() for r in caplog.records if r.name == module.__name__]
    assert sum("cannot be reached" in line for line in said) == 1
    assert "my secret" not in caplog.text
    assert "guest:guest" not in caplog.text


def test_without_an_address_there_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDASSIST_EVENT_BROKER_URL", raising=False)
    assert asyncio.run(RabbitMQ.from_endpoint_config(None)) is None


def test_what_is_kept_for_a_broker_that_is_away_is_bounded(
    monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    monkeypatch.setattr(module, "MOST_UNSENT", 5)

    async def work() -> int:
        broker = await start(monkeypatch, f"amqp://guest:guest@127.0.0.1:{free_port()}/")
        for number in range(50):
            broker.publish({"event": "user", "number": number})
        await asyncio.sleep(0.3)
        kept = len(broker._unpublished_events)
        await broker.close()
        return kept

    assert asyncio.run(work()) == 5
