from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from medassist.settings import Settings, load_settings
from medassist.storage.database import migrate, open_database
from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.web.chromium import CHROMIUM, FLAGS, Visitor
from tests.web.patient import Patient
from tests.web.rasa_stand_in import SECRET, StandInRasa
from tests.web.served import Served, free_port

QUICK = Pace(give_up_reaching=0.6, try_again=0.1, slow=0.9, lost=2.0, heartbeat=0.2)
"""As in service, but in tenths of seconds."""


def settings_in(directory: Path, **more: str) -> Settings:
    """An installation of its own, with its tables."""
    settings = load_settings(
        {
            "MEDASSIST_NEW_CONVERSATIONS": "100000",  # all tests come from one address
            "MEDASSIST_VAR": str(directory),
            "MEDASSIST_PORT": str(free_port()),
            "MEDASSIST_RASA_PORT": str(free_port()),
            "MEDASSIST_INTERNAL_SECRET": SECRET,
            **more,
        }
    )
    engine = open_database(settings.database_url)
    migrate(engine)
    engine.dispose()
    return settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def pace() -> Pace:
    return QUICK


@pytest.fixture
def rasa(settings: Settings) -> StandInRasa:
    return StandInRasa(settings.front_door_url)


@pytest.fixture
def rasa_server(settings: Settings, rasa: StandInRasa) -> Iterator[Served]:
    served = Served(rasa.app, settings.rasa_port)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def front_door(settings: Settings, pace: Pace, rasa_server: Served) -> Iterator[Served]:
    served = Served(lambda: create_app(settings, pace), settings.front_door_port)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def new_patient(front_door: Served) -> Iterator[Callable[[], Patient]]:
    patients: list[Patient] = []

    def make() -> Patient:
        patients.append(Patient(front_door.url))
        return patients[-1]

    yield make
    for patient in patients:
        patient.close()


@pytest.fixture
def patient(new_patient: Callable[[], Patient]) -> Patient:
    return new_patient()


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, StandInRasa]]:
    """A front door and its Rasa for all tests that leave both as they are."""
    settings = settings_in(tmp_path_factory.mktemp("standing"))
    rasa = StandInRasa(settings.front_door_url)
    servers = [
        Served(rasa.app, settings.rasa_port),
        Served(lambda: create_app(settings, QUICK), settings.front_door_port),
    ]
    for server in servers:
        server.start()
    yield servers[1], rasa
    for server in reversed(servers):
        server.stop()


@pytest.fixture
def stranger(standing: tuple[Served, StandInRasa]) -> Iterator[Patient]:
    """Somebody new at the standing front door."""
    patient = Patient(standing[0].url)
    yield patient
    patient.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module, not of the session: as long as it lives, no other event loop can run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, front_door: Served) -> Iterator[Callable[..., Page]]:
    """Opens a page for somebody new; afterwards nothing may have gone wrong unseen."""
    visitors: list[Visitor] = []

    def make(path: str = "", **options: Any) -> Page:
        visitors.append(Visitor(browser, [front_door.url], **options))
        return visitors[-1].open(front_door.url + path)

    yield make
    for visitor in visitors:
        visitor.context.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The chat page, for somebody new with a phone."""
    return open_page()
