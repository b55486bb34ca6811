"""What the messaging channels share: a message in, once and in order; replies out, and none lost.

A provider's request is checked and its message kept in the database before it is confirmed. The
inbox hands the messages to Rasa, each conversation's in order. Replies wait in the outbox until
the provider has taken them. Both survive a restart, and several processes may work on them.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Sequence, Text, Tuple

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint
from sqlalchemy.engine import Engine

from medassist.cases.clinics import Clinics
from medassist.cases.contacts import Contact
from medassist.cases.hours import Clinic
from medassist.channels.in_order import InOrder
from medassist.channels.queues import Inbox, Incoming, Outbox, Waiting
from medassist.channels.reader import Reader
from medassist.channels.sender import FIRST_PAUSE, Sender
from medassist.channels.speaker import MessagingOutput, Rendered, Reply, Speaker
from medassist.channels.transcript import Transcript
from medassist.channels.words import Words
from medassist.settings import Settings, load_settings
from medassist.storage.database import open_database

logger = logging.getLogger(__name__)

PROVIDER_SECONDS = 10.0
"""How long a provider may take to answer a call of its API."""

OnNewMessage = Callable[[UserMessage], Awaitable[Any]]

__all__ = ["MessagingInput", "Rendered", "Reply"]


@dataclass
class Running:
    """What works while the server runs: the two queues, and the threads for what blocks."""

    inbox: InOrder
    outbox: InOrder
    database: ThreadPoolExecutor
    provider: ThreadPoolExecutor
    tasks: List["asyncio.Task[None]"] = field(default_factory=list)


@lru_cache(maxsize=1)
def say_once(switched_on: Tuple[Text, ...]) -> None:
    """The one line in the log about the messaging channels."""
    logger.info("Messaging channels that are switched on: %s", ", ".join(switched_on) or "none")


class MessagingInput(InputChannel):
    """A connector. A channel that is off has no routes and runs nothing.

    A subclass names its channel, adds its routes, renders a reply for its provider and delivers
    one message. `LINKS`: replies too long for it get a link to the whole. `poll` is how often
    its queues are looked at, `first_pause` how long it waits before a second try, in seconds.
    """

    LINKS = False

    def __init__(
        self, settings: Settings, poll: float = 1.0, first_pause: float = FIRST_PAUSE
    ) -> None:
        self.settings = settings
        self.is_on = self.name() in settings.channels.switched_on
        self.poll = poll
        self.first_pause = first_pause
        self._running: Optional[Running] = None
        self._app: Any = None

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> "MessagingInput":
        """Secrets come from the settings, never from credentials.yml."""
        return cls(load_settings())

    @abstractmethod
    def add_routes(self, webhook: Blueprint) -> None:
        """The routes below `/webhooks/<channel>`."""

    @abstractmethod
    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """A reply as the messages of the provider's API, in order."""

    @abstractmethod
    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """Hand one message to the provider and return its id of it.

        Raises TryAgain when the provider cannot take it now, Undeliverable when it never will.
        """

    async def show_typing(self, contact: Contact) -> None:
        """Show the person that an answer is coming, where the channel can."""

    def invitation(self, contact: Contact) -> Optional[Dict[Text, Any]]:
        """What may be sent when nothing else may, to ask the person to write; most have none."""
        return None

    async def command(self, contact: Contact, row: Waiting, text: Text) -> bool:
        """Deal with a word that is the channel's own, such as STOP; whether Rasa needs it not."""
        return False

    def clinic_at(self, line: Text) -> Clinic:
        """The clinic that answers for a number or page of ours."""
        return self.clinics.reached_by(self.name(), line)

    def words_at(self, line: Text) -> Words:
        """What we say ourselves at a number or page of ours, with its clinic's numbers."""
        clinic = self.clinic_at(line)
        return Words(self.clinics.emergency(clinic), clinic.given_name)

    async def open(self) -> None:
        """Make what delivering needs, in the server's loop."""

    async def close(self) -> None:
        """Close what `open` made."""

    def get_output_channel(self) -> Optional[MessagingOutput]:
        """For messages that answer nothing in particular, such as those of staff."""
        return MessagingOutput(self.name(), self.speaker) if self.is_on else None

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        """The routes, and the work that starts and ends with the server."""
        say_once(self.settings.channels.switched_on)
        webhook = Blueprint(f"{self.name()}_webhook", __name__)
        if not self.is_on:
            return webhook
        self._prepare(on_new_message)
        self.add_routes(webhook)

        @webhook.listener("after_server_start")
        async def start(app: Any, _loop: Any) -> None:
            await self._start(app)

        @webhook.listener("before_server_stop")
        async def stop(_app: Any, _loop: Any) -> None:
            await self._stop()

        return webhook

    def _prepare(self, on_new_message: OnNewMessage) -> None:
        self.engine: Engine = open_database(self.settings.database_url)
        self.clinics = Clinics(self.settings)
        self.inbox = Inbox(self.engine, self.name())
        self.outbox = Outbox(self.engine, self.name())
        self.transcript = Transcript(lambda: getattr(self._app.ctx, "agent", None))
        self.speaker = Speaker(self, self.outbox)
        self.reader = Reader(self, on_new_message)
        self.sender = Sender(self)

    async def _start(self, app: Any) -> None:
        self._app = app
        name = self.name()
        database = ThreadPoolExecutor(4, f"{name}-database")
        self._running = running = Running(
            InOrder(self.inbox, self.reader.read, database, self.transcript.is_ready, self.poll),
            InOrder(self.outbox, self.sender.send, database, poll=self.poll),
            database,
            ThreadPoolExecutor(4, f"{name}-provider"),
        )
        await self.open()
        loop = asyncio.get_running_loop()
        running.tasks = [
            loop.create_task(running.inbox.run()),
            loop.create_task(running.outbox.run()),
        ]

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        for task in running.tasks:
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)
        await asyncio.gather(running.inbox.close(), running.outbox.close())
        await self.close()
        running.provider.shutdown(wait=False)
        running.database.shutdown(wait=True)
        self.engine.dispose()

    @property
    def running(self) -> Running:
        """What works. Raises RuntimeError before the server has started."""
        if self._running is None:
            raise RuntimeError(f"The channel {self.name()} is not running.")
        return self._running

    async def in_database(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call what talks to the database, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.running.database, function, *arguments)

    async def in_provider_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a provider's client library, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.running.provider, function, *arguments)

    async def take(self, messages: Sequence[Incoming]) -> bool:
        """Keep messages whose request was checked; False when the database is away."""
        try:
            for message in messages:
                if not message.fits:
                    logger.error("A %s message came from no possible address.", self.name())
                    continue
                await self.in_database(self.inbox.accept, message)
        except Exception as error:  # a database's error would show the words in the log
            logger.error("A message could not be kept: %s", type(error).__name__)
            return False
        self.running.inbox.ring()
        return True
