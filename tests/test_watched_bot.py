"""The real bot as whoever watches it sees it: each message counted once, no words in any log."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from medassist.dialogue.measuring import FALLBACK, STEP_OF_PART
from medassist.logging_setup import shown_name
from medassist.metrics import STEPS
from medassist.settings import ROOT
from tests.channels.providers import generic
from tests.conftest import Bot, free_port, start_bot, stop_bot, wait_until
from tests.web.patient import Patient

TOKEN = "a-token-of-this-test-0001"
MARKER = "zebracorn"
"""A word that nobody but our patients says."""

SECRETS = (MARKER, "quokkaline", "+15550100199", "jo.zebra@example.org")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Watched:
    """A bot with everything on that could say too much."""

    def __init__(self, var: Path) -> None:
        self.alerts_port = free_port()
        self.bot: Bot = start_bot(
            var,
            MEDASSIST_ACTION_PORT=str(free_port()),
            MEDASSIST_METRICS_TOKEN=TOKEN,
            MEDASSIST_ALERTS_METRICS_PORT=str(self.alerts_port),
            MEDASSIST_LOG_FORMAT="json",
            LOG_LEVEL="DEBUG",  # Rasa's own setting, at which it says every message
            MEDASSIST_GENERIC_SECRET=generic.SECRET,
            MEDASSIST_GENERIC_CALLBACK_URL=f"http://127.0.0.1:{free_port()}/callback",
            MEDASSIST_ALERT_URLS=f"json://user:hush@127.0.0.1:{free_port()}/alert",
            MEDASSIST_ALERT_WITH_WORDS="1",
        )
        self.settings = self.bot.settings
        assert self.settings.action_port
        self.parts = {
            "front-door": self.settings.front_door_port,
            "rasa": self.settings.rasa_port,
            "actions": self.settings.action_port,
            "alerts": self.alerts_port,
        }

    def get(self, part: str, path: str, token: str | None = TOKEN) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.parts[part]}{path}"
        return httpx.get(url, headers=headers, timeout=30, trust_env=False)

    def measured(self, part: str) -> Samples:
        families = text_string_to_metric_families(self.get(part, "/metrics").text)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
            if sample.name.startswith("medassist_")
        }

    def logged(self) -> dict[str, list[dict[str, Any]]]:
        """The lines of every log, by file name; each must be JSON."""
        return {
            log.stem: [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
            for log in (self.settings.var / "logs").iterdir()
        }

    def errors(self, log: str) -> int:
        return sum(line["level"] in ("ERROR", "CRITICAL") for line in self.logged()[log])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    running = Watched(tmp_path_factory.mktemp("var"))
    yield running
    stop_bot(running.bot)


def growth(before: Samples, after: Samples) -> dict[str, float]:
    """What has changed, by name and labels in words; buckets left out."""
    return {
        " ".join([name.removeprefix("medassist_"), *sorted(v for _, v in labels)]): grown
        for (name, labels), value in after.items()
        if (grown := value - before.get((name, labels), 0))
        and not name.endswith(("_bucket", "_sum"))
    }


STEPS_OF_ANY = ("recognise", "encode", "classify", "triage", "reply")


def counted(steps: tuple[str, ...], **more: float) -> dict[str, float]:
    return {**{f"step_seconds_count {step}": 1 for step in steps}, **more}


def test_a_message_moves_each_counter_by_exactly_one(watched: Watched, sender: str) -> None:
    before = watched.measured("rasa")
    watched.bot.say("can i have a beer on baclofen", sender)
    assert growth(before, watched.measured("rasa")) == counted(
        STEPS, **{"messages_total rest": 1, "replies_total rest": 1, "level_total routine": 1}
    )


def test_an_emergency_is_counted_with_its_level(watched: Watched, sender: str) -> None:
    before = watched.measured("rasa")
    replies = watched.bot.say("my dad took 30 baclofen and wont wake up", sender)
    texts = sum("text" in reply for reply in replies)
    assert growth(before, watched.measured("rasa")) == counted(
        STEPS, **{"messages_total rest": 1, "replies_total rest": texts, "level_total emergency": 1}
    )
    assert wait_until(
        lambda: (
            dict(watched.measured("front-door"))[
                ("medassist_open_cases", frozenset({("level", "emergency")}))
            ]
            >= 1
        )
    )


def parsed(watched: Watched, text: str) -> dict[str, Any]:
    response = httpx.post(
        f"{watched.settings.rasa_url}/model/parse",
        params={"token": watched.settings.internal_secret or ""},
        json={"text": text},
        timeout=30,
        trust_env=False,
    )
    return response.raise_for_status().json()


def test_what_was_not_understood_is_counted_as_such(watched: Watched, sender: str) -> None:
    unclear = [
        text
        for text in ("and the other", "baclofen tuesday", "well so then it", "thing of it when")
        if parsed(watched, text)["intent"]["name"] == FALLBACK
    ]
    assert unclear, "the model understands all of these: name others"
    before = watched.measured("rasa")
    watched.bot.say(unclear[0], sender)
    grown = growth(before, watched.measured("rasa"))
    assert (grown["fallback_total"], grown["messages_total rest"]) == (1, 1)


def test_reading_a_text_without_a_conversation_is_no_message(watched: Watched) -> None:
    before = watched.measured("rasa")
    parsed(watched, "hello there")
    assert not [k for k in growth(before, watched.measured("rasa")) if "step" not in k]


def test_a_channel_that_a_program_makes_up_is_no_new_label(watched: Watched, sender: str) -> None:
    before = watched.measured("rasa")
    for name in ("zebracorn", "+15550100199"):
        httpx.post(
            f"{watched.settings.rasa_url}/webhooks/rest/webhook",
            json={"sender": sender, "message": "hello", "input_channel": name},
            timeout=60,
        ).raise_for_status()
    grown = growth(before, watched.measured("rasa"))
    assert (grown["messages_total other"], grown["replies_total other"]) == (2, 2)


def test_every_timed_part_is_in_the_pipeline() -> None:
    pipeline = YAML(typ="safe").load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    names = [str(part["name"]).rpartition(".")[2] for part in pipeline]
    assert [name for name in STEP_OF_PART if names.count(name) != 1] == []


@pytest.mark.parametrize("part", ["front-door", "rasa", "actions", "alerts"])
def test_each_part_is_healthy_ready_and_measured_with_the_token_only(
    watched: Watched, part: str
) -> None:
    assert watched.get(part, "/healthz", None).json() == {"status": "ok"}
    assert watched.get(part, "/readyz", None).json() == {"status": "ok"}
    assert watched.get(part, "/metrics", None).status_code == 401
    assert watched.get(part, "/metrics", f"{TOKEN}x").status_code == 401
    assert f'medassist_errors_total{{part="{part}"}}' in watched.get(part, "/metrics").text


class Echo(BaseHTTPRequestHandler):
    """An action server that breaks as rasa_sdk does: its error repeats the request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = json.dumps({"error": "broken", "request_body": body.decode("latin-1")}).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def action_server_that_echoes(watched: Watched) -> Iterator[None]:
    """In place of ours, while the supervisor is held still."""
    port = watched.parts["actions"]
    supervisor = watched.bot.process
    supervisor.send_signal(signal.SIGSTOP)
    try:
        psutil.Process(watched.bot.pid_on(port)).kill()
        # the threads of a killed program hold its port a little longer than the program lives
        assert wait_until(lambda: not watched.bot.listens_on(port))
        with ThreadingHTTPServer(("127.0.0.1", port), Echo) as echo:
            thread = threading.Thread(target=echo.serve_forever)
            thread.start()
            yield
            echo.shutdown()
            thread.join()
    finally:
        supervisor.send_signal(signal.SIGCONT)
    assert wait_until(lambda: is_ready(watched, "actions"), 120)


def is_ready(watched: Watched, part: str) -> bool:
    try:
        return watched.get(part, "/readyz").is_success
    except httpx.HTTPError:
        return False


@contextmanager
def nobody_can_write(watched: Watched) -> Iterator[None]:
    """Another program holds both databases."""
    names = ("medassist.db", "conversations.db")
    with (
        closing(sqlite3.connect(watched.settings.var / names[0], isolation_level=None)) as ours,
        closing(sqlite3.connect(watched.settings.var / names[1], isolation_level=None)) as rasas,
    ):
        for connection in (ours, rasas):
            connection.execute("BEGIN EXCLUSIVE")
        yield


def grows(count: Callable[[], int]) -> Callable[[], bool]:
    before = count()
    return lambda: count() > before


def test_no_word_of_a_person_is_in_any_log_whatever_fails(watched: Watched, sender: str) -> None:
    words = f"{MARKER} is it ok, i am Ann Quokkaline, call +15550100199 or jo.zebra@example.org"
    say = watched.bot.say

    # all is well, on each way in
    say(f"is {words}", sender)
    say(f"/inform{{'x': '{words}'}}", sender)
    patient = Patient(watched.settings.front_door_url)
    assert patient.say(words).is_success
    patient.close()
    partner = generic.Person(watched.settings.front_door_url, generic.Partner())
    failed_reply = grows(lambda: len(watched.logged()["rasa"]))
    partner.say(words)
    assert wait_until(failed_reply), "the partner is away, so its reply must fail"

    # nonsense at the doors of programs
    action_fails = grows(lambda: watched.errors("actions"))
    for body in ({"next_action": "action_answer", "tracker": {"x": words}}, words, [words]):
        url = f"{watched.settings.action_url}/webhook"
        secret = {"X-Medassist-Secret": watched.settings.internal_secret or ""}
        answer = httpx.post(url, json=body, headers=secret, timeout=30, trust_env=False)
        assert MARKER not in answer.text
    assert action_fails()
    for path in (f"/nothing/{MARKER}", f"/conversations/{MARKER}/tracker?token=wrong"):
        httpx.get(f"{watched.settings.rasa_url}{path}", timeout=30, trust_env=False)
        httpx.get(f"{watched.settings.action_url}{path}", timeout=30, trust_env=False)
        httpx.get(f"{watched.settings.front_door_url}{path}", timeout=30, trust_env=False)

    # the action server breaks and repeats the request
    turn_fails = grows(lambda: watched.errors("rasa"))
    with action_server_that_echoes(watched):
        assert say(f"my wifes lips have gone blue, {words}", f"{sender}-blue")
    assert turn_fails()
    about = {line.get("conversation") for line in watched.logged()["rasa"]}
    assert shown_name(f"{sender}-blue") in about

    # both databases fail, in an emergency and for a question
    turn_fails = grows(lambda: watched.errors("rasa"))
    action_fails = grows(lambda: watched.errors("actions"))
    with nobody_can_write(watched):
        replies = say(f"my dad took 30 baclofen and wont wake up, {words}", f"{sender}-locked")
    assert "Call 911 now" in replies[0]["text"]
    assert wait_until(turn_fails)
    assert wait_until(action_fails)

    # the staff's service is away, and its alert holds the words
    assert wait_until(lambda: "did not take it" in str(watched.logged()["alerts"]))

    assert sorted(watched.logged()) == ["actions", "alerts", "front-door", "rasa"]
    for name, lines in watched.logged().items():
        assert lines, name
        written = json.dumps(lines).lower()
        found = [word for word in (*SECRETS, TOKEN, "hush") if word.lower() in written]
        assert found == [], name
        assert (watched.settings.internal_secret or "-") not in written


def test_the_errors_that_are_counted_are_those_in_the_log(watched: Watched) -> None:
    key = ("medassist_errors_total", frozenset({("part", "rasa")}))
    assert wait_until(lambda: watched.measured("rasa")[key] == watched.errors("rasa"), 20)
    assert watched.errors("rasa") > 0
