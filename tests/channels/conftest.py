from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
from rasa.core.channels.channel import InputChannel
from sqlalchemy import delete, select
from sqlalchemy.engine import Engine

from medassist.cases.cases import open_case
from medassist.channels.generic import GenericInput
from medassist.channels.messenger import MessengerInput
from medassist.channels.slack import SlackInput
from medassist.channels.sms import SmsInput
from medassist.channels.telegram import TelegramInput
from medassist.channels.website import WebsiteInput
from medassist.channels.whatsapp import WhatsAppInput
from medassist.settings import Settings, load_settings
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import (
    case_events,
    cases,
    contacts,
    full_replies,
    handovers,
    incoming_messages,
    notifications,
    outgoing_messages,
)
from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.channels.providers import generic, messenger, slack, telegram, twilio
from tests.channels.rasa_server import SECRET, RasaServer, StandInAgent, Turns
from tests.conftest import wait_until
from tests.web.served import Served, free_port

POLL = 0.05
_people = itertools.count(1)
FIRST_PAUSE = 0.05
MESSAGING: tuple[type, ...] = (
    SmsInput, WhatsAppInput, TelegramInput, SlackInput, MessengerInput, GenericInput
)  # fmt: skip
CHANNELS = ("sms", "whatsapp", "telegram", "slack", "messenger", "generic")
EMPTIED = (
    outgoing_messages, incoming_messages, full_replies, contacts, notifications, handovers,
    case_events, cases,
)  # fmt: skip
QUICK = Pace(give_up_reaching=0.5, try_again=0.1)


@dataclass
class Clinic:
    """One installation: front door, Rasa's server, a database, and the providers around it."""

    settings: Settings
    engine: Engine
    turns: Turns
    agent: StandInAgent
    front_door: Served
    rasa: RasaServer
    twilio: twilio.Twilio
    stand_ins: dict[str, Any]
    providers: dict[str, Served]
    more: list[RasaServer] = field(default_factory=list)

    def channels(self, settings: Settings | None = None) -> list[InputChannel]:
        settings = settings or self.settings
        return [WebsiteInput(settings), *(kind(settings, POLL, FIRST_PAUSE) for kind in MESSAGING)]

    def phone(self, number: str = "+15550111111", channel: str = "sms", **rest: str) -> Any:
        return twilio.Phone(self.front_door.url, self.twilio, number, channel, **rest)

    def person(self, channel: str) -> Any:
        """Somebody who writes by this channel; `provider` is its stand-in."""
        url = self.front_door.url
        if channel in ("sms", "whatsapp"):
            number = f"+1555020{next(_people):04d}"
            return twilio.Phone(url, self.twilio, number, channel)
        people = {"telegram": telegram, "slack": slack, "messenger": messenger, "generic": generic}
        return people[channel].Person(url, self.stand_ins[channel])

    def served_provider(self, channel: str) -> Served:
        return self.providers["twilio" if channel in ("sms", "whatsapp") else channel]

    def mend(self) -> None:
        """As on the first day: everything runs, nothing was said, nothing is kept."""
        for worker in self.more:
            worker.stop()
        self.more.clear()
        for served in self.providers.values():
            if not served.is_running:
                served.start()
        if not self.rasa.is_running:
            self.restart_rasa()
        with self.engine.begin() as connection:
            for table in EMPTIED:
                connection.execute(delete(table))
        for stand_in in (self.turns, *self.stand_ins.values()):
            fresh = type(stand_in)()
            for field_of in fields(stand_in):
                setattr(stand_in, field_of.name, getattr(fresh, field_of.name))
        self.agent.ready = True

    def restart_rasa(self) -> None:
        """Rasa ends, and the next run has the same database and conversations."""
        self.rasa.stop()
        self.rasa = RasaServer(self.channels(), self.settings.rasa_port, self.agent)
        self.rasa.start()

    def second_worker(self) -> RasaServer:
        worker = RasaServer(self.channels(), free_port(), self.agent)
        worker.start()
        self.more.append(worker)
        return worker

    def open_case(self, conversation: str, channel: str = "sms", level: str = "emergency") -> int:
        return open_case(
            self.engine, conversation=conversation, channel=channel, level=level,
            kind="emergency", detail={},
        )  # fmt: skip

    def case_events(self, case_id: int) -> list[tuple[str, Any]]:
        query = select(case_events).where(case_events.c.case_id == case_id)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(case_events.c.id)).all()
        return [(row.event, row.detail) for row in rows]

    def undelivered(self, case_id: int) -> list[Any]:
        return [detail for event, detail in self.case_events(case_id) if event == "undelivered"]


def environment(var: Path, apis: dict[str, str]) -> dict[str, str]:
    """All channels on, each provider's API at its stand-in."""
    return {
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_PUBLIC_URL": twilio.PUBLIC_URL,
        "MEDASSIST_INTERNAL_SECRET": SECRET,
        "MEDASSIST_TWILIO_ACCOUNT_SID": twilio.SID,
        "MEDASSIST_TWILIO_AUTH_TOKEN": twilio.TOKEN,
        "MEDASSIST_TWILIO_API_URL": apis["twilio"],
        "MEDASSIST_SMS_NUMBERS": f"{twilio.OUR_NUMBER} {twilio.SECOND_NUMBER}",
        "MEDASSIST_WHATSAPP_NUMBERS": twilio.OUR_NUMBER,
        "MEDASSIST_TELEGRAM_BOT_TOKEN": telegram.TOKEN,
        "MEDASSIST_TELEGRAM_SECRET": telegram.SECRET,
        "MEDASSIST_TELEGRAM_API_URL": apis["telegram"],
        "MEDASSIST_SLACK_BOT_TOKEN": slack.TOKEN,
        "MEDASSIST_SLACK_SIGNING_SECRET": slack.SIGNING_SECRET,
        "MEDASSIST_SLACK_API_URL": f"{apis['slack']}/api",
        "MEDASSIST_MESSENGER_PAGES": " ".join(f"{k}:{v}" for k, v in messenger.PAGES.items()),
        "MEDASSIST_MESSENGER_APP_SECRET": messenger.APP_SECRET,
        "MEDASSIST_MESSENGER_VERIFY_TOKEN": messenger.VERIFY_TOKEN,
        "MEDASSIST_MESSENGER_API_URL": f"{apis['messenger']}/v19.0",
        "MEDASSIST_GENERIC_SECRET": generic.SECRET,
        "MEDASSIST_GENERIC_CALLBACK_URL": f"{apis['generic']}/callback",
    }


@contextmanager
def opened_clinic(var: Path, **more: str) -> Iterator[Clinic]:
    """An installation with everything around it; `more` are settings beyond the channels'."""
    stand_ins: dict[str, Any] = {
        "twilio": twilio.Twilio(),
        "telegram": telegram.Telegram(),
        "slack": slack.Slack(),
        "messenger": messenger.Messenger(),
        "generic": generic.Partner(),
    }
    providers = {name: Served(found.app, free_port()) for name, found in stand_ins.items()}
    for served in providers.values():
        served.start()
    settings = load_settings(
        {
            **environment(var, {name: served.url for name, served in providers.items()}),
            "MEDASSIST_PORT": str(free_port()),
            "MEDASSIST_RASA_PORT": str(free_port()),
            **more,
        }
    )
    engine = open_database(settings.database_url)
    migrate(engine)
    turns = Turns()
    agent = StandInAgent(turns, settings)
    front_door = Served(lambda: create_app(settings, QUICK), settings.front_door_port)
    rasa = RasaServer([], settings.rasa_port, agent)
    built = Clinic(
        settings, engine, turns, agent, front_door, rasa, stand_ins["twilio"], stand_ins, providers
    )
    rasa.channels = built.channels()
    rasa.start()
    front_door.start()
    try:
        yield built
    finally:
        front_door.stop()
        for server in (built.rasa, *built.more):
            server.stop()
        for served in providers.values():
            served.stop()
        engine.dispose()


@pytest.fixture(scope="session")
def standing_clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One installation for all tests; what a test did to it is mended after it."""
    with opened_clinic(tmp_path_factory.mktemp("clinic")) as opened:
        yield opened


@pytest.fixture
def clinic(standing_clinic: Clinic) -> Iterator[Clinic]:
    """An installation that nobody has written to."""
    standing_clinic.mend()
    yield standing_clinic
    standing_clinic.mend()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds, and shows its last value when it never does."""

    def wait(condition: Callable[[], Any], seconds: float = 10) -> None:
        assert wait_until(condition, seconds, 0.02), "it did not come true in time"

    return wait
