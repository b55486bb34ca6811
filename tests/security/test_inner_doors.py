"""What stands between our own servers: the secret, and nothing that we do not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from medassist.inner_doors import knows
from medassist.settings import ROOT, SettingsError, load_settings
from tests.conftest import Bot, free_port, wait_until

SECRET = "between-our-own-servers"
HEADER = {"X-Medassist-Secret": SECRET}
WORDS = "zebedee took thirty"


@dataclass
class ActionServer:
    url: str
    log: Path


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActionServer]:
    """The action server alone, as `medassist run` starts it."""
    var, port = tmp_path_factory.mktemp("actions"), free_port()
    log = var / "actions.log"
    environment = {
        **os.environ,
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_INTERNAL_SECRET": SECRET,
        "SANIC_HOST": "127.0.0.1",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "actions.serve", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/health").status_code == 200
        except httpx.HTTPError:
            return False

    assert wait_until(answers), log.read_text()
    yield ActionServer(url, log)
    process.terminate()
    process.wait(20)


def call(text: str = WORDS, action: str = "action_answer") -> dict[str, Any]:
    return {
        "next_action": action,
        "version": "3.6.21",
        "sender_id": "somebody",
        "tracker": {
            "sender_id": "somebody",
            "slots": {},
            "latest_message": {"text": text},
            "events": [],
            "paused": False,
        },
        "domain": {},
    }


@pytest.mark.parametrize("headers", [{}, {"X-Medassist-Secret": "guessed"}], ids=str)
def test_an_action_is_not_run_for_those_without_the_secret(
    actions: ActionServer, headers: dict[str, str]
) -> None:
    refused = httpx.post(f"{actions.url}/webhook", json=call(), headers=headers)
    assert (refused.status_code, refused.json()) == (403, {"error": "You may not do that."})
    assert httpx.get(f"{actions.url}/actions", headers=headers).status_code == 403


def test_an_action_is_run_for_those_who_hold_the_secret(actions: ActionServer) -> None:
    done = httpx.post(f"{actions.url}/webhook", json=call(), headers=HEADER)
    assert done.status_code == 200
    assert set(done.json()) == {"events", "responses"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"next_action": "action_answer", "tracker": "' + WORDS.encode() + b'"}', {}),
        (b'{"next_action": 7, "tracker": {"latest_message": "' + WORDS.encode() + b'"}}', {}),
        (json.dumps([WORDS]).encode(), {}),
        (WORDS.encode(), {}),
        (WORDS.encode(), {"Content-Encoding": "deflate"}),
        (zlib.compress(json.dumps(WORDS).encode()), {"Content-Encoding": "deflate"}),
        (json.dumps(call(action="action_of_nobody")).encode(), {}),
    ],
    ids=range(7),
)
def test_a_call_that_breaks_is_answered_and_logged_without_its_words(
    actions: ActionServer, body: bytes, headers: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/json", **HEADER, **headers}
    answer = httpx.post(f"{actions.url}/webhook", content=body, headers=headers)
    assert answer.status_code in (400, 404, 500)
    assert WORDS not in answer.text
    assert WORDS not in actions.log.read_text()
    assert "Traceback" not in actions.log.read_text()


@pytest.mark.parametrize("module", ["actions.serve", "medassist.dialogue.serve"])
def test_no_server_starts_without_the_secret(module: str, tmp_path: Path) -> None:
    environment = {**os.environ, "MEDASSIST_VAR": str(tmp_path), "MEDASSIST_INTERNAL_SECRET": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *(["run"] if "dialogue" in module else [])],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("MEDASSIST_INTERNAL_SECRET is not set.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["", "wrong", "between-our-own-server", "\udcff", "\ud800é"])
def test_only_the_secret_itself_is_known(given: str) -> None:
    assert not knows(SECRET, given)
    assert not knows("", given)
    assert knows(SECRET, SECRET)


@pytest.mark.parametrize("secret", ["short", "with a space in it", "schlüssel-ohne-grenzen"])
def test_a_secret_that_could_not_stand_in_a_header_is_refused(secret: str) -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_INTERNAL_SECRET must be 16") as refusal:
        load_settings({"MEDASSIST_INTERNAL_SECRET": secret})
    assert secret not in str(refusal.value)


# ── of a running medassist ──────────────────────────────────────────────────────────────────


def test_no_process_shows_the_secret_to_other_accounts(bot_with_action_server: Bot) -> None:
    bot = bot_with_action_server
    family = [bot.process.pid, *(c.pid for c in psutil.Process(bot.process.pid).children(True))]
    assert len(family) >= 5
    secret = bot.environment["MEDASSIST_INTERNAL_SECRET"]
    for pid in family:
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_no_log_holds_the_secret(bot_with_action_server: Bot, sender: str) -> None:
    bot = bot_with_action_server
    bot.say("can i crush my tablets", sender)
    secret = bot.environment["MEDASSIST_INTERNAL_SECRET"]
    logs = sorted((bot.settings.var / "logs").glob("*.log"))
    assert len(logs) >= 4
    assert [log.name for log in logs if secret in log.read_text(errors="replace")] == []


def test_what_is_kept_is_readable_by_its_owner_alone(bot: Bot) -> None:
    kept = [path for path in bot.settings.var.rglob("*") if path.is_file()]
    assert {"medassist.db", "conversations.db", "rasa.log"} <= {path.name for path in kept}
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []


def test_an_answer_passes_the_guarded_action_server(
    bot_with_action_server: Bot, sender: str
) -> None:
    bot = bot_with_action_server
    said = " ".join(reply.get("text", "") for reply in bot.say("what is baclofen for", sender))
    assert "can't look that up" not in said
    assert "baclofen" in said.lower()
    refused = httpx.post(f"{bot.settings.action_url}/webhook", json=call())
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/model"),
        ("DELETE", "/model"),
        ("POST", "/model/train"),
        ("POST", "/model/test/intents"),
        ("GET", "/domain"),
        ("POST", "/conversations/x/execute"),
        ("POST", "/conversations/x/trigger_intent"),
        ("POST", "/conversations/x/messages"),
    ],
)
def test_rasa_neither_trains_nor_loads_models_nor_acts_for_others(
    bot: Bot, method: str, path: str
) -> None:
    token = {"token": bot.environment["MEDASSIST_INTERNAL_SECRET"]}
    answer = httpx.request(method, f"{bot.settings.rasa_url}{path}", params=token, json={})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/status", "/conversations/x/tracker"])
def test_rasas_api_needs_the_secret(bot: Bot, path: str) -> None:
    url = f"{bot.settings.rasa_url}{path}"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, params={"token": "guessed"}).status_code == 401
    right = {"token": bot.environment["MEDASSIST_INTERNAL_SECRET"]}
    assert httpx.get(url, params=right).status_code == 200


def test_a_website_open_in_a_browser_on_this_machine_cannot_speak_to_rasa(bot: Bot) -> None:
    url = f"{bot.settings.rasa_url}/webhooks/rest/webhook"
    body = json.dumps({"sender": "x", "message": "hello"})
    simple = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
    assert httpx.post(url, content=body, headers=simple).status_code == 403
    assert (
        httpx.post(url, content=body, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
