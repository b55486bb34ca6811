"""A front door with several Rasas: each conversation keeps to one, and none is lost with it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from medassist import supervisor
from medassist.settings import Settings, load_settings
from medassist.web.rasa_server import MaybeTakenError, RasaServer, UnreachableError
from tests.conftest import free_port
from tests.web.rasa_stand_in import SECRET, StandInRasa
from tests.web.served import Served

CONVERSATIONS = [f"web-{number}" for number in range(24)]


class Rasas:
    def __init__(self) -> None:
        ports = [free_port() for _ in range(2)]
        self.stand_ins = [StandInRasa("http://127.0.0.1:9") for _ in ports]
        self.served = [Served(r.app, port) for r, port in zip(self.stand_ins, ports)]
        urls = " ".join(server.url for server in self.served)
        self.settings = load_settings(
            {"MEDASSIST_RASA_URL": urls, "MEDASSIST_INTERNAL_SECRET": SECRET}
        )
        for server in self.served:
            server.start()

    def send(self, *rounds: str) -> None:
        """One message in each conversation, round after round, from one front door."""

        async def work() -> None:
            door = RasaServer(self.settings)
            for text in rounds:
                for sender in CONVERSATIONS:
                    with suppress(MaybeTakenError):
                        await door.take(sender, f"{text}-{sender}", text, "", asyncio.Event(), 5)
            await door.close()

        asyncio.run(work())

    def got(self, number: int, text: str) -> set[str]:
        return {m["conversation"] for m in self.stand_ins[number].got if m["text"] == text}

    def stop(self) -> None:
        for server in self.served:
            server.stop()


@pytest.fixture
def rasas() -> Iterator[Rasas]:
    running = Rasas()
    yield running
    running.stop()


def test_a_conversation_keeps_to_one_rasa_whichever_front_door_it_uses(rasas: Rasas) -> None:
    rasas.send("one", "two")
    rasas.send("three")  # another front door
    for number in range(2):
        assert rasas.got(number, "one")
        assert rasas.got(number, "one") == rasas.got(number, "two") == rasas.got(number, "three")


def test_when_its_rasa_is_down_the_next_takes_the_message(rasas: Rasas) -> None:
    rasas.served[0].stop()
    rasas.send("one")
    assert rasas.got(1, "one") == set(CONVERSATIONS)


def test_a_rasa_that_does_not_answer_holds_up_the_first_message_only(
    rasas: Rasas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medassist.web.rasa_server.HUNG_SECONDS", 0.5)
    rasas.served[0].stop()
    with socket.socket() as silent:  # it takes connections and says nothing, as a frozen one
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", rasas.served[0].port))
        silent.listen(100)
        rasas.send("one", "two")
    assert len(rasas.got(1, "one")) == len(CONVERSATIONS) - 1  # it may have got the first
    assert rasas.got(1, "two") == set(CONVERSATIONS)


def test_with_no_rasa_at_all_it_says_so(rasas: Rasas) -> None:
    for server in rasas.served:
        server.stop()
    with pytest.raises(UnreachableError):
        rasas.send("one")


def test_what_is_stored_is_read_from_whichever_rasa_answers(rasas: Rasas) -> None:
    async def work() -> list[dict]:
        door = RasaServer(rasas.settings)
        found = [await door.tracker(sender) for sender in CONVERSATIONS]
        assert await door.is_ready()
        await door.close()
        return found

    rasas.served[1].stop()
    assert [tracker["sender_id"] for tracker in asyncio.run(work())] == CONVERSATIONS


def workers(directory: Path, **more: str) -> Settings:
    return load_settings(
        {
            "MEDASSIST_VAR": str(directory),
            "MEDASSIST_RASA_WORKERS": "3",
            "MEDASSIST_REDIS_URL": "redis://127.0.0.1:6379/3",
            **more,
        }
    )


def test_three_workers_are_three_servers_that_the_supervisor_watches(tmp_path: Path) -> None:
    settings = workers(tmp_path)
    wanted = supervisor.servers(settings, tmp_path / "model.tar.gz")
    rasas = [server for server in wanted if server.name.startswith("Rasa server")]
    assert [server.port for server in rasas] == [5005, 5006, 5007]
    assert len({server.log for server in rasas}) == 3
    for server, url in zip(rasas, settings.scaling.rasa_urls):
        assert url.endswith(f":{server.port}")


def test_only_the_front_door_is_open_when_all_run_on_one_machine(tmp_path: Path) -> None:
    settings = workers(
        tmp_path, MEDASSIST_HOST="0.0.0.0", MEDASSIST_INTERNAL_SECRET="a-secret-of-the-tests"
    )
    for server in supervisor.servers(settings, tmp_path / "model.tar.gz"):
        is_open = "0.0.0.0" in (*server.command, server.environment["SANIC_HOST"])
        assert is_open == (server.name == "front door")


def test_the_connector_without_a_password_is_not_open_to_other_machines(tmp_path: Path) -> None:
    settings = workers(
        tmp_path, MEDASSIST_HOST="0.0.0.0", MEDASSIST_INTERNAL_SECRET="a-secret-of-the-tests"
    )
    for host, has_rest in (("0.0.0.0", False), ("127.0.0.1", True)):
        command = supervisor.rasa_server(settings, "a secret", host, tmp_path / "model").command
        credentials = Path(command[command.index("--credentials") + 1]).read_text(encoding="utf-8")
        assert ("rest:" in credentials) == has_rest
        assert "medassist.channels.website.WebsiteInput: {}" in credentials
