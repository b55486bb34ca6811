"""What happens around a running bot: parts killed, things broken, ports taken, data deleted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from medassist.cases.cases import history, open_cases
from medassist.settings import ROOT
from medassist.storage.database import open_database
from tests.conftest import Bot, free_port, start_bot, stop_bot, wait_until

CANNOT_LOOK_UP = "I can't look that up right now"


def medassist(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "medassist.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def texts(replies: list[dict]) -> str:
    return "\n".join(reply["text"] for reply in replies if "text" in reply)


def test_every_answer_carries_its_payload(bot: Bot, sender: str) -> None:
    replies = bot.say("what is baclofen used for", sender)
    payload = next(reply["custom"] for reply in replies if "custom" in reply)
    assert payload["topic"] == "uses"
    assert payload["medicine"] == "baclofen"
    assert payload["answer_id"] == "uses"
    assert payload["review"] == "source-checked"
    assert payload["level"] == "routine"
    assert payload["version"] >= 1
    assert all({"title", "publisher", "url", "checked"} <= set(s) for s in payload["sources"])


def test_an_emergency_opens_a_case_with_its_words_and_reason(bot: Bot, sender: str) -> None:
    bot.say("she took 30 baclofen and i can't wake her up", sender)
    engine = open_database(bot.settings.database_url)
    case = next(case for case in open_cases(engine) if case.conversation == sender)
    assert case.level == "emergency"
    opened = history(engine, case.id)[0]["detail"]
    assert opened["words"] == "she took 30 baclofen and i can't wake her up"
    assert opened["assessment"]["findings"]
    engine.dispose()


def test_a_question_without_an_answer_is_kept_as_a_gap(bot: Bot, sender: str) -> None:
    bot.say("how much ibuprofen can i take in a day", sender)
    engine = create_engine(bot.settings.database_url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT medicine, question FROM content_gaps WHERE conversation = :c"),
            {"c": sender},
        ).all()
    engine.dispose()
    assert rows == [("ibuprofen", "how much ibuprofen can i take in a day")]


def test_delete_my_data_leaves_no_word_of_the_conversation(bot: Bot, sender: str) -> None:
    bot.say("my name is Zebedee Quux, can i take ibuprofen", sender)
    bot.say("delete my data", sender)
    assert "deleted this chat" in texts(bot.say("Yes, delete it", sender))
    tracker = create_engine(bot.settings.tracker_database_url)
    with tracker.connect() as connection:
        count = "SELECT count(*) FROM events WHERE sender_id = :s"
        assert connection.execute(text(count), {"s": sender}).scalar() == 0
    tracker.dispose()
    for database in bot.settings.var.glob("*.db*"):
        if database.suffix == ".db":
            engine = create_engine(f"sqlite:///{database}")
            with engine.connect() as connection:
                for (table,) in connection.execute(
                    text("SELECT name FROM sqlite_master WHERE type = 'table'")
                ).all():
                    rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
                    assert not any("Zebedee" in str(row) for row in rows), (database, table)
            engine.dispose()


@pytest.mark.parametrize("kind", ["bot", "bot_with_action_server"])
def test_with_a_broken_database_questions_get_an_honest_word_and_emergencies_their_card(
    request: pytest.FixtureRequest, kind: str, sender: str
) -> None:
    bot: Bot = request.getfixturevalue(kind)
    database = bot.settings.var / "medassist.db"
    aside = database.with_suffix(".aside")
    bot.say("hello", sender)
    port = bot.settings.action_port or bot.settings.rasa_port
    os.kill(bot.pid_on(port), signal.SIGTERM)  # it holds the file open
    assert wait_until(lambda: not bot.listens_on(port))
    shutil.move(database, aside)
    try:
        database.mkdir()  # a file that cannot be opened as a database, even by root
        assert wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/healthz"))
        assert CANNOT_LOOK_UP in texts(bot.say("what is baclofen used for", sender))
        replies = bot.say("i can't breathe", sender)
        assert replies[0]["text"].startswith("Call 911 now")
        assert "could not reach the clinic's staff" in texts(replies)
        logs = "".join(log.read_text() for log in (bot.settings.var / "logs").glob("*.log"))
        assert "action_alert_staff failed: OperationalError" in logs
        assert "can't breathe" not in logs
    finally:
        database.rmdir()
        shutil.move(aside, database)
    assert "spasticity" in texts(bot.say("what is baclofen used for", sender))


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def test_with_the_action_server_killed_the_card_still_comes_and_the_server_too(
    bot_with_action_server: Bot, sender: str
) -> None:
    bot = bot_with_action_server
    assert bot.settings.action_port
    assert "spasticity" in texts(bot.say("what is baclofen used for", sender))
    killed = bot.pid_on(bot.settings.action_port)
    os.kill(killed, signal.SIGKILL)
    replies = bot.say("my husband stopped breathing", sender)
    assert replies[0]["text"].startswith("Call 911 now")
    health = f"{bot.settings.action_url}/health"
    assert wait_until(lambda: is_healthy(health))
    assert bot.pid_on(bot.settings.action_port) != killed
    assert "spasticity" in texts(bot.say("what is baclofen used for", sender))


def test_with_the_action_server_frozen_an_honest_word_comes_within_the_time_limit(
    bot_with_action_server: Bot, sender: str
) -> None:
    bot = bot_with_action_server
    assert bot.settings.action_port
    bot.say("hello", sender)
    frozen = bot.pid_on(bot.settings.action_port)
    os.kill(frozen, signal.SIGSTOP)
    try:
        replies = bot.say("what is baclofen used for", sender)
        assert CANNOT_LOOK_UP in texts(replies)
        assert "911" in texts(replies)
        card = bot.say("she is having a seizure", sender)
        assert card[0]["text"].startswith("Call 911 now")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert "spasticity" in texts(bot.say("what is baclofen used for", sender))


def test_a_killed_front_door_comes_back_with_the_conversation(bot: Bot) -> None:
    front_door = bot.settings.front_door_url
    key = httpx.post(f"{front_door}/chat/conversations").json()["key"]
    headers = {"X-Conversation-Key": key}
    httpx.post(
        f"{front_door}/chat/messages",
        json={"id": "00000000-0000-4000-8000-000000000001", "text": "are you a robot"},
        headers=headers,
    ).raise_for_status()

    def shown() -> str:
        try:
            response = httpx.get(f"{front_door}/chat/history", headers=headers, timeout=5)
        except httpx.HTTPError:
            return ""
        return response.text if response.is_success else ""

    assert wait_until(lambda: "I never make up an answer" in shown())
    os.kill(bot.pid_on(bot.settings.front_door_port), signal.SIGKILL)
    assert wait_until(lambda: "I never make up an answer" in shown())


def test_rasa_takes_website_messages_only_with_the_secret(bot: Bot) -> None:
    response = httpx.post(
        f"{bot.settings.rasa_url}/webhooks/website/messages",
        json={"conversation": "web-1", "id": "1", "text": "hello"},
    )
    assert response.status_code == 403


def test_a_second_start_says_which_port_is_taken(bot: Bot, tmp_path: Path) -> None:
    environment = {**bot.environment, "MEDASSIST_VAR": str(tmp_path)}
    refused = medassist("run", environment=environment)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"Port {bot.settings.rasa_port} (the Rasa server's) is taken" in refused.stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("medicines/baclofen.yml", "title: Baclofen", "titel: Baclofen"),
        ("safety/context.yml", "\n- ", "\n- nonsense: yes\n  "),
    ],
)
def test_a_broken_data_file_is_one_clear_line(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data", data)
    broken = data / file
    content = broken.read_text(encoding="utf-8")
    assert old in content
    broken.write_text(content.replace(old, new, 1), encoding="utf-8")
    environment = {"MEDASSIST_DATA": str(data), "MEDASSIST_VAR": str(tmp_path / "var")}
    for command in (("answers", "check"), ("run",)):
        refused = medassist(*command, environment=environment)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert f"{broken}:" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_ctrl_c_ends_everything_and_leaves_no_process(tmp_path: Path) -> None:
    second = start_bot(tmp_path / "var", MEDASSIST_ACTION_PORT=str(free_port()))
    assert second.settings.action_port
    ports = (
        second.settings.action_port,
        second.settings.rasa_port,
        second.settings.front_door_port,
    )
    pids = [second.pid_on(port) for port in ports]
    stop_bot(second)
    assert second.process.returncode == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
