"""Who is told to stop, as in a rolling update, first sees to what it has taken."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from medassist.channels.website import WebsiteInput
from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.channels.rasa_server import RasaServer, StandInAgent, Turns
from tests.scale.test_front_doors import PACE
from tests.web.conftest import settings_in
from tests.web.patient import Patient
from tests.web.rasa_stand_in import HEADER, SECRET, StandInRasa
from tests.web.served import Served, free_port


def test_a_rasa_that_is_told_to_stop_finishes_its_turns(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    agent = StandInAgent(Turns(delay=1.5), settings)
    rasa = RasaServer([WebsiteInput(settings)], free_port(), agent)
    rasa.start()
    accepted = httpx.post(
        f"{rasa.url}/webhooks/website/messages",
        json={"conversation": "web-one", "id": "message-one", "text": "hello"},
        headers={HEADER: SECRET},
        timeout=20,
    )
    assert accepted.status_code == 202
    rasa.stop()
    assert not rasa.is_running
    stored = agent.tracker_store.store["web-one"]
    assert "You said: hello" in str(stored)


def test_a_front_door_that_is_told_to_stop_first_hands_over_what_it_has_accepted(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    rasa = StandInRasa(settings.front_door_url)
    rasa_server = Served(rasa.app, settings.rasa_port)
    pace = Pace(PACE.give_up_reaching * 5, 0.1, slow=60, lost=120, deaf=0.2)
    door = Served(lambda: create_app(settings, pace), settings.front_door_port)
    door.start()
    patient = Patient(door.url)
    assert patient.say("while Rasa is away").status_code == 202
    patient.close()
    stopping = threading.Thread(target=door.stop)
    stopping.start()
    time.sleep(0.5)
    rasa_server.start()  # Rasa comes back while the front door is stopping
    stopping.join()
    assert [message["text"] for message in rasa.got] == ["while Rasa is away"]
    rasa_server.stop()
