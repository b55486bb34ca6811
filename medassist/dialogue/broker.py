"""Copies every event to a RabbitMQ, if our settings name one, and never lets anyone wait for it.

Rasa's own broker does not start while RabbitMQ is away, drops what happens before it is connected,
and writes the words of an event that it could not send into its log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Deque, Dict, Optional, Text
from urllib.parse import urlsplit

import aio_pika
from rasa.core.brokers.pika import PikaEventBroker
from rasa.utils.endpoints import EndpointConfig

from medassist.settings import load_settings

logger = logging.getLogger(__name__)

QUEUE = "medassist_events"
EXCHANGE = "medassist-exchange"

MOST_UNSENT = 10_000
"""Events that are kept while RabbitMQ is away; the oldest are dropped first."""

SEND_SECONDS = 5.0
RETRY_SECONDS = 5.0


class RabbitMQ(PikaEventBroker):
    """Rasa's broker for RabbitMQ, connected in the background."""

    def __init__(self, url: Text) -> None:
        parts = urlsplit(url)
        super().__init__(
            parts.hostname or "",
            parts.username or "",
            parts.password or "",
            queues=[QUEUE],
            exchange_name=EXCHANGE,
        )
        self._url = url
        self._unpublished_events: Deque[Dict[Text, Any]] = deque(maxlen=MOST_UNSENT)
        self._is_away = False
        self._connecting: Optional["asyncio.Task[None]"] = None

    @classmethod
    async def from_endpoint_config(
        cls,
        broker_config: Optional[EndpointConfig],
        event_loop: Optional[asyncio.AbstractEventLoop] = None,
    ) -> Optional["RabbitMQ"]:
        """The broker of our settings; it may still be connecting. None without one."""
        url = load_settings().scaling.event_broker_url
        if not url:
            return None
        broker = cls(url)
        broker._connecting = asyncio.get_running_loop().create_task(broker._connect_some_time())
        return broker

    async def close(self) -> None:
        """Send what is under way, for a moment, and close the connection."""
        if self._connecting:
            self._connecting.cancel()
        if self._background_tasks:
            await asyncio.wait(self._background_tasks, timeout=1)
        await super().close()

    async def _connect_some_time(self) -> None:
        while True:
            try:
                await self.connect()
                break
            except Exception as error:
                self._say_it_is_away(error)
                await asyncio.sleep(RETRY_SECONDS)
        self._publish_unpublished_messages()

    async def _publish(
        self, event: Dict[Text, Any], headers: Optional[Dict[Text, Text]] = None
    ) -> None:
        """Send one event, or keep it for later. It may arrive twice, and behind later ones."""
        if self._exchange is None:
            self._unpublished_events.append(event)
            return
        try:
            await asyncio.wait_for(
                self._exchange.publish(self._message(event, headers), ""), SEND_SECONDS
            )
        except Exception as error:
            self._unpublished_events.append(event)
            self._say_it_is_away(error)
            return
        if self._is_away:
            self._is_away = False
            logger.warning("RabbitMQ is back.")
        self._publish_unpublished_messages()

    async def _connect(self) -> aio_pika.abc.AbstractRobustConnection:
        """One try; later it connects again by itself."""
        return await aio_pika.connect_robust(self._url)

    def _say_it_is_away(self, error: BaseException) -> None:
        if not self._is_away:
            logger.error(
                "RabbitMQ cannot be reached (%s): events are kept for later.", type(error).__name__
            )
        self._is_away = True
