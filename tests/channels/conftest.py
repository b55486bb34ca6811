from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rasa.core.channels.channel import InputChannel
from sqlalchemy import select
from sqlalchemy.engine import Engine

from medassist.cases.cases import open_case
from medassist.channels.sms import SmsInput
from medassist.channels.website import WebsiteInput
from medassist.channels.whatsapp import WhatsAppInput
from medassist.settings import Settings, load_settings
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import case_events
from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.channels.providers import twilio
from tests.channels.rasa_server import SECRET, RasaServer, StandInAgent, Turns
from tests.conftest import wait_until
from tests.web.served import Served, free_port

POLL = 0.05
FIRST_PAUSE = 0.05
MESSAGING: tuple[type, ...] = (SmsInput, WhatsAppInput)
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
    providers: dict[str, Served]
    more: list[RasaServer] = field(default_factory=list)

    def channels(self, settings: Settings | None = None) -> list[InputChannel]:
        settings = settings or self.settings
        return [WebsiteInput(settings), *(kind(settings, POLL, FIRST_PAUSE) for kind in MESSAGING)]

    def phone(self, number: str = "+15550111111", channel: str = "sms", **rest: str) -> Any:
        return twilio.Phone(self.front_door.url, self.twilio, number, channel, **rest)

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
    }


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    stand_in = twilio.Twilio()
    providers = {"twilio": Served(stand_in.app, free_port())}
    for served in providers.values():
        served.start()
    settings = load_settings(
        {
            **environment(tmp_path, {name: served.url for name, served in providers.items()}),
            "MEDASSIST_PORT": str(free_port()),
            "MEDASSIST_RASA_PORT": str(free_port()),
        }
    )
    engine = open_database(settings.database_url)
    migrate(engine)
    turns = Turns()
    agent = StandInAgent(turns)
    front_door = Served(lambda: create_app(settings, QUICK), settings.front_door_port)
    rasa = RasaServer([], settings.rasa_port, agent)
    built = Clinic(settings, engine, turns, agent, front_door, rasa, stand_in, providers)
    rasa.channels = built.channels()
    rasa.start()
    front_door.start()
    yield built
    front_door.stop()
    for server in (built.rasa, *built.more):
        server.stop()
    for served in providers.values():
        served.stop()
    engine.dispose()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds, and shows its last value when it never does."""

    def wait(condition: Callable[[], Any], seconds: float = 10) -> None:
        assert wait_until(condition, seconds, 0.02), "it did not come true in time"

    return wait
