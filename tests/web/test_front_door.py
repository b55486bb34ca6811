"""What the front door promises to whoever speaks HTTP with it."""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from medassist.settings import ROOT, Settings
from medassist.web.app import create_app
from medassist.web.history import reply_id, stored_messages
from medassist.web.pace import Pace
from tests.web.conftest import QUICK
from tests.web.patient import Patient, push
from tests.web.rasa_stand_in import ANSWER, EMERGENCY, ERASED, SECRET, STAFF_TOLD, StandInRasa
from tests.web.served import Served


def sender_of(key: str) -> str:
    return "web-" + hashlib.sha256(key.encode()).hexdigest()[:32]


def eventually(holds: Callable[[], Any], within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


# ── a message, and its answer ───────────────────────────────────────────────────────────────


def test_a_message_is_accepted_at_once_and_its_reply_streams_in(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["missed a dose"] = [ANSWER]
    stream = patient.listen()
    sent = patient.say("missed a dose", id="0123456789ab")
    assert (sent.status_code, sent.json()) == (202, {"accepted": "0123456789ab"})
    reply = stream.reply()
    assert reply["id"] == "0123456789ab.0"
    assert reply["who"] == "bot"
    assert reply["text"] == ANSWER["text"]
    assert reply["buttons"] == ANSWER["buttons"]
    assert reply["custom"] == ANSWER["custom"]
    said = {"conversation": sender_of(patient.key), "id": "0123456789ab", "text": "missed a dose"}
    assert rasa.got == [{**said, "clinic": "main"}]


def test_replies_stream_in_the_order_they_are_said(patient: Patient, rasa: StandInRasa) -> None:
    rasa.script["took too much"] = [EMERGENCY, STAFF_TOLD]
    stream = patient.listen()
    patient.say("took too much", id="message-one")
    assert [stream.reply()["id"], stream.reply()["id"]] == ["message-one.0", "message-one.1"]


def test_messages_reach_rasa_in_the_order_they_were_sent(
    patient: Patient, rasa: StandInRasa
) -> None:
    said = [f"message {n}" for n in range(8)]
    for text in said:
        patient.say(text)
    assert eventually(lambda: len(rasa.got) == 8)
    assert [m["text"] for m in rasa.got] == said


def test_every_tab_of_a_conversation_gets_every_message_and_reply(patient: Patient) -> None:
    tabs = [patient.listen() for _ in range(3)]
    patient.say("hello", id="message-one")
    assert [tab.reply()["id"] for tab in tabs] == ["message-one.0"] * 3


def test_another_conversation_hears_nothing(new_patient: Callable[[], Patient]) -> None:
    one, other = new_patient(), new_patient()
    stream = other.listen()
    one.say("my secret")
    assert stream.nothing_more()
    assert other.history() == []


def test_who_comes_a_moment_late_still_hears_the_reply(patient: Patient) -> None:
    patient.say("hello", id="message-one")
    assert eventually(lambda: len(patient.history()) == 2)
    assert patient.listen().reply()["id"] == "message-one.0"


def test_a_message_sent_twice_is_answered_once(patient: Patient, rasa: StandInRasa) -> None:
    stream = patient.listen()
    assert patient.say("hello", id="message-one").status_code == 202
    assert patient.say("hello", id="message-one").status_code == 202
    stream.reply()
    assert stream.nothing_more()
    assert len(rasa.got) == 1


def test_a_reply_handed_over_twice_is_streamed_once(patient: Patient, front_door: Served) -> None:
    stream = patient.listen()
    reply = {"id": "message-one.0", "text": "once"}
    for _ in range(2):
        assert push(front_door.url, sender_of(patient.key), reply).status_code == 200
    assert stream.reply()["text"] == "once"
    assert stream.nothing_more()


def test_a_reply_to_nothing_gets_an_id_of_its_own(patient: Patient, front_door: Served) -> None:
    stream = patient.listen()
    push(front_door.url, sender_of(patient.key), {"text": "This is Ann from the clinic."})
    assert stream.reply()["id"].startswith("pushed.")


def test_a_quiet_stream_gives_signs_of_life(patient: Patient) -> None:
    stream = patient.listen()
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.comments.get(timeout=2) == ": listening"
    assert stream.comments.get(timeout=2) == ": still here"
    assert Pace().heartbeat == 15


# ── keys ────────────────────────────────────────────────────────────────────────────────────


def test_each_conversation_has_a_new_key_of_at_least_128_bits(stranger: Patient) -> None:
    keys = {httpx.post(f"{stranger.url}/chat/conversations").json()["key"] for _ in range(20)}
    assert len(keys) == 20
    assert all(len(key) * 6 >= 128 for key in keys)


def test_rasa_never_sees_the_key(patient: Patient, rasa: StandInRasa) -> None:
    patient.say("hello")
    assert eventually(lambda: rasa.got)
    assert patient.key not in str(rasa.got)


@pytest.mark.parametrize("key", ["", "short", "x" * 44, "../../../" + "x" * 34, "web-" + "0" * 32])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/chat/messages"), ("GET", "/chat/events"), ("GET", "/chat/history")],
)
def test_without_a_conversations_key_nothing_is_said_or_shown(
    stranger: Patient, method: str, path: str, key: str
) -> None:
    response = httpx.request(
        method,
        stranger.url + path,
        headers={"X-Conversation-Key": key},
        json={"id": "message-one", "text": "hello"} if method == "POST" else None,
    )
    assert response.status_code == 401
    assert "key" in response.json()["error"]


# ── what is refused ─────────────────────────────────────────────────────────────────────────


def test_text_of_5000_characters_is_read(stranger: Patient) -> None:
    assert stranger.say("ä" * 5000).status_code == 202
    assert stranger.say("\N{FACE WITH MEDICAL MASK}" * 5000).status_code == 202


@pytest.mark.parametrize("length", [5001, 100_000, 3_000_000])
def test_longer_text_is_refused_with_the_limit_and_the_emergency_number(
    stranger: Patient, length: int
) -> None:
    response = stranger.say("x" * length)
    assert response.status_code == 413
    assert "5,000 characters" in response.json()["error"]
    assert "call 911" in response.json()["error"]
    assert stranger.history() == []


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n", "\x00\x1b"])
def test_an_empty_message_gets_a_word(stranger: Patient, text: str) -> None:
    response = stranger.say(text)
    assert response.status_code == 400
    assert "empty" in response.json()["error"]
    assert "911" in response.json()["error"]


def test_a_body_over_64_kb_is_refused(stranger: Patient) -> None:
    body = b'{"id": "message-one", "text": "hello", "more": "' + b"x" * 65536 + b'"}'
    response = stranger.http.post("/chat/messages", content=body, headers=stranger.headers)
    assert response.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        b"{}",
        b'{"id": "message-one"}',
        b'{"text": "hello"}',
        b'{"id": 1, "text": "hello"}',
        b'{"id": "a.b.c.d.e", "text": "hello"}',
        b'{"id": "", "text": "hello"}',
        b'{"id": "message-one", "text": 5}',
        b'{"id": "message-one", "text": ["hello"]}',
        b'{"id": "message-one", "text": null}',
    ],
)
def test_what_is_not_a_message_is_refused_in_plain_words(stranger: Patient, body: bytes) -> None:
    response = stranger.http.post("/chat/messages", content=body, headers=stranger.headers)
    assert response.status_code == 400
    assert set(response.json()) == {"error"}
    assert "Traceback" not in response.text


def test_what_no_keyboard_types_does_not_reach_rasa(patient: Patient, rasa: StandInRasa) -> None:
    body = b'{"id": "message-one", "text": "a\\u0000b\\ud800c\\nd"}'
    response = patient.http.post("/chat/messages", content=body, headers=patient.headers)
    assert response.status_code == 202
    assert eventually(lambda: rasa.got)
    assert rasa.got[0]["text"] == "abc\nd"


def test_the_21st_message_in_a_minute_has_to_wait(
    new_patient: Callable[[], Patient],
) -> None:
    patient, other = new_patient(), new_patient()
    assert {patient.say(f"message {n}").status_code for n in range(20)} == {202}
    response = patient.say("one more")
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert "wait" in response.json()["error"]
    assert "911" in response.json()["error"]
    assert other.say("hello").status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/chat/messages", 405), ("GET", "/static/none.js", 404)],
)
def test_every_refusal_is_json_in_plain_words(
    stranger: Patient, method: str, path: str, status: int
) -> None:
    response = httpx.request(method, stranger.url + path)
    assert response.status_code == status
    assert response.json()["error"].endswith(".")


# ── replies come from Rasa only ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1]])
def test_a_reply_without_the_secret_is_refused(stranger: Patient, secret: str) -> None:
    stream = stranger.listen()
    response = push(stranger.url, sender_of(stranger.key), {"text": "false"}, secret)
    assert response.status_code == 403
    assert stream.nothing_more()


@pytest.mark.parametrize("reply", [None, "text", [], {"text": 5}, {"id": 5}])
def test_what_is_not_a_reply_is_refused(stranger: Patient, reply: object) -> None:
    assert push(stranger.url, "web-x", reply).status_code == 400


def test_an_installation_without_a_secret_takes_no_reply(settings: Any, rasa: StandInRasa) -> None:
    from dataclasses import replace

    from starlette.testclient import TestClient

    from medassist.web.app import create_app

    with TestClient(create_app(replace(settings, internal_secret=None))) as client:
        response = client.post("/internal/replies", json={}, headers={"X-Medassist-Secret": ""})
    assert response.status_code == 403


# ── nothing ends in silence ─────────────────────────────────────────────────────────────────


def test_when_rasa_is_down_the_front_door_says_so_with_the_emergency_number(
    patient: Patient, rasa_server: Served
) -> None:
    rasa_server.stop()
    stream = patient.listen()
    assert patient.say("hello", id="message-one").status_code == 202
    reply = stream.reply()
    assert reply["text"].startswith("I can't reach my answers right now")
    assert "call 911" in reply["text"]
    assert reply["custom"] == {"front_door": "unreachable", "message": "message-one"}


def test_a_short_outage_of_rasa_is_not_noticed(patient: Patient, rasa_server: Served) -> None:
    rasa_server.stop()
    stream = patient.listen()
    patient.say("hello", id="message-one")
    time.sleep(0.2)
    rasa_server.start()
    assert stream.reply()["id"] == "message-one.0"


def test_a_message_that_rasa_never_got_can_be_sent_again(
    patient: Patient, rasa_server: Served
) -> None:
    rasa_server.stop()
    stream = patient.listen()
    patient.say("hello", id="message-one")
    stream.reply()
    rasa_server.start()
    assert patient.say("hello", id="message-one").status_code == 202
    assert stream.reply()["id"] == "message-one.0"
    assert [m["id"] for m in patient.history()] == ["message-one", "message-one.0"]


def test_a_slow_turn_is_owned_up_to_once_and_its_reply_still_arrives(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.delay = 1.3
    stream = patient.listen()
    patient.say("hello", id="message-one")
    slow, answer = stream.reply(), stream.reply()
    assert slow["text"].startswith("This is taking longer than it should")
    assert "call 911" in slow["text"]
    assert answer["id"] == "message-one.0"
    assert stream.nothing_more(1)
    assert [m["id"] for m in patient.history()] == ["message-one", "message-one.0"]


def test_a_failed_turn_gets_an_honest_word_and_may_be_tried_again(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["break"] = []
    rasa.failing_turns.add("break")
    stream = patient.listen()
    patient.say("break", id="message-one")
    reply = stream.reply()
    assert reply["custom"] == {"front_door": "failed", "message": "message-one"}
    assert "could not answer" in reply["text"]
    assert "911" in reply["text"]
    assert stream.nothing_more(1)


def test_a_turn_that_said_nothing_gets_an_honest_word(patient: Patient, rasa: StandInRasa) -> None:
    rasa.script["silence"] = []
    stream = patient.listen()
    patient.say("silence")
    assert stream.reply()["custom"]["front_door"] == "failed"


def test_while_staff_hold_the_conversation_silence_is_meant(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["hello"] = []
    rasa.slots["handover"] = True
    stream = patient.listen()
    patient.say("hello")
    assert stream.nothing_more(1.5)


def test_replies_that_got_lost_on_the_way_are_fetched(patient: Patient, rasa: StandInRasa) -> None:
    rasa.lost_replies = True
    stream = patient.listen()
    patient.say("hello", id="message-one")
    assert stream.reply()["id"] == "message-one.0"


def test_a_message_lost_in_rasa_is_handed_over_again(patient: Patient, rasa: StandInRasa) -> None:
    rasa.lost_turns.add("hello")
    stream = patient.listen()
    patient.say("hello", id="message-one")
    assert stream.reply()["id"] == "message-one.0"
    assert [m["id"] for m in rasa.got] == ["message-one", "message-one"]


def test_a_turn_that_was_cut_off_after_its_first_words_is_finished_and_nothing_is_shown_twice(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["20 tablets"] = [EMERGENCY, STAFF_TOLD]
    rasa.cut_off["20 tablets"] = 1
    stream = patient.listen()
    patient.say("20 tablets", id="message-one")
    assert [stream.reply()["id"] for _ in range(2)] == ["message-one.0", "message-one.1"]
    assert stream.nothing_more(1)
    assert [m["id"] for m in patient.history()] == [
        "message-one", "message-one.0", "message-one.1",
    ]  # fmt: skip


def test_a_turn_that_takes_long_is_not_started_twice(patient: Patient, rasa: StandInRasa) -> None:
    rasa.delay = 2 * QUICK.lost
    stream = patient.listen()
    patient.say("hello", id="message-one")
    assert stream.reply()["custom"]["front_door"] == "slow"
    assert stream.reply(10)["id"] == "message-one.0"
    assert [m["id"] for m in rasa.got] == ["message-one"]


def test_when_too_many_messages_are_under_way_one_more_is_refused_with_a_word(
    settings: Settings, rasa: StandInRasa, rasa_server: Served
) -> None:
    rasa.delay = 3
    pace = replace(QUICK, most_under_way=1)
    with TestClient(create_app(settings, pace)) as browser:
        key = browser.post("/chat/conversations").json()["key"]

        def say(identity: str) -> httpx.Response:
            body = {"id": identity, "text": "hello"}
            return browser.post("/chat/messages", json=body, headers={"X-Conversation-Key": key})

        assert say("message-one").status_code == 202
        refused = say("message-two")
    assert refused.status_code == 503
    assert refused.json()["error"].startswith("Too many people are writing to me right now")
    assert "call 911" in refused.json()["error"]


def test_the_waits_in_service_are_the_promised_ones() -> None:
    assert (Pace().give_up_reaching, Pace().slow) == (5, 10)


# ── history ─────────────────────────────────────────────────────────────────────────────────


def test_the_history_has_each_message_once_in_order_under_its_live_id(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["took too much"] = [EMERGENCY, STAFF_TOLD]
    stream = patient.listen()
    patient.say("missed", id="message-one")
    live = [stream.reply()["id"]]
    patient.say("took too much", id="message-two")
    live += [stream.reply()["id"], stream.reply()["id"]]
    sender = sender_of(patient.key)
    assert eventually(lambda: len(rasa.events.get(sender, [])) == 7)
    history = patient.history()
    assert [(m["id"], m["who"]) for m in history] == [
        ("message-one", "person"),
        ("message-one.0", "bot"),
        ("message-two", "person"),
        ("message-two.0", "bot"),
        ("message-two.1", "bot"),
    ]
    assert live == ["message-one.0", "message-two.0", "message-two.1"]
    assert set(history[3]) == {"id", "who", "text", "buttons", "custom", "at"}
    assert history[3]["custom"] == EMERGENCY["custom"]


def test_a_message_still_being_answered_is_in_the_history(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.delay = 0.4
    patient.say("hello", id="message-one")
    assert [m["id"] for m in patient.history()] == ["message-one"]


def test_the_history_survives_a_restart_of_the_front_door(
    patient: Patient, front_door: Served
) -> None:
    patient.say("hello", id="message-one")
    assert eventually(lambda: len(patient.history()) == 2)
    front_door.stop()
    front_door.start()
    assert [m["id"] for m in patient.history()] == ["message-one", "message-one.0"]


def test_without_rasa_the_history_is_an_honest_word(patient: Patient, rasa_server: Served) -> None:
    rasa_server.stop()
    response = patient.http.get("/chat/history", headers=patient.headers)
    assert response.status_code == 503
    assert "earlier messages" in response.json()["error"]


def test_a_reply_that_staff_pushed_is_shown_once(
    patient: Patient, rasa: StandInRasa, front_door: Served
) -> None:
    sender = sender_of(patient.key)
    push(front_door.url, sender, {"text": "This is Ann from the clinic."})
    assert len(patient.history()) == 1
    rasa.events[sender] = [
        {"event": "bot", "text": "This is Ann from the clinic.", "data": {}, "timestamp": 1.0}
    ]
    assert len(patient.history()) == 1


def test_after_erasure_the_front_door_remembers_nothing(
    patient: Patient, rasa: StandInRasa
) -> None:
    rasa.script["Yes, delete it"] = [{"text": "Done.", "custom": ERASED}]
    stream = patient.listen()
    patient.say("my secret")
    stream.reply()
    patient.say("Yes, delete it")
    stream.reply()
    assert eventually(lambda: not rasa.events)
    assert [m["text"] for m in patient.history()] == ["Done."]


def test_the_connector_skips_empty_replies_and_so_does_the_count() -> None:
    tracker = {
        "events": [
            {"event": "session_started", "timestamp": 1.0},
            {"event": "bot", "text": "Welcome", "data": {}, "timestamp": 1.5},
            {"event": "user", "text": "hi", "message_id": "one", "timestamp": 2.0},
            {"event": "bot", "text": None, "data": {"image": "x"}, "timestamp": 3.0},
            {"event": "bot", "text": "hello", "data": {"buttons": []}, "timestamp": 4.0},
            {"event": "slot", "name": "x", "value": 1, "timestamp": 5.0},
            {"event": "user", "text": "EXTERNAL: staff", "timestamp": 6.0},
            {"event": "bot", "text": "Ann here", "data": None, "timestamp": 7.0},
        ]
    }
    messages = stored_messages(tracker)
    assert [m["id"] for m in messages] == ["pushed.1.5", "one", "one.0", "pushed.7.0"]


def test_front_door_and_connector_number_replies_alike() -> None:
    website = pytest.importorskip("medassist.channels.website")
    assert (
        inspect.getsource(website.reply_id).splitlines()[-1]
        == (inspect.getsource(reply_id).splitlines()[-1])
    )
    assert website.reply_id("m", 3) == reply_id("m", 3) == "m.3"


# ── health and safety ───────────────────────────────────────────────────────────────────────


def test_healthz_says_that_the_front_door_runs(front_door: Served, rasa_server: Served) -> None:
    rasa_server.stop()
    response = httpx.get(f"{front_door.url}/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_says_whether_rasa_can_answer(
    front_door: Served, rasa: StandInRasa, rasa_server: Served
) -> None:
    assert httpx.get(f"{front_door.url}/readyz").status_code == 200
    rasa.ready = False
    assert httpx.get(f"{front_door.url}/readyz").status_code == 503
    rasa_server.stop()
    assert httpx.get(f"{front_door.url}/readyz").json()["status"] == "not ready"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/demo",
        "/static/page.css",
        "/healthz",
        "/nothing",
        "/chat/history",
        "/internal/replies",
    ],
)
def test_every_response_carries_the_security_headers(stranger: Patient, path: str) -> None:
    headers = httpx.get(stranger.url + path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == ("no-cache" if "static" in path else "no-store")


def test_a_fault_of_ours_is_a_plain_word_with_the_same_headers(settings: Any) -> None:
    from starlette.testclient import TestClient

    from medassist.web.app import create_app

    app = create_app(settings)
    app.add_route("/broken", lambda _request: 1 / 0)
    client = TestClient(app, raise_server_exceptions=False)
    response = client.get("/broken")
    assert response.status_code == 500
    assert "went wrong" in response.json()["error"]
    assert "ZeroDivision" not in response.text
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_the_page_names_the_emergency_number_and_loads_nothing_foreign(stranger: Patient) -> None:
    page = httpx.get(stranger.url).text
    assert 'href="tel:911"' in page
    assert "Call 911" in page
    assert "1-800-222-1222" in page
    assert "not a doctor" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "style=" not in page


def test_nobody_can_open_endless_streams(patient: Patient) -> None:
    streams = [patient.listen() for _ in range(12)]
    assert {stream.status for stream in streams} == {200}
    for stream in streams:
        stream.comments.get(timeout=5)
    assert patient.listen().status == 503


def test_told_to_stop_it_ends_its_streams_and_is_gone_in_a_moment(
    settings: Settings, rasa_server: Served
) -> None:
    port = str(settings.front_door_port)
    command = "-m uvicorn --factory medassist.web.app:create_app --ws none --log-level warning"
    process = subprocess.Popen(
        [sys.executable, *command.split(), "--port", port],
        env={
            **os.environ,
            "MEDASSIST_PORT": port,
            "MEDASSIST_RASA_PORT": str(settings.rasa_port),
            "MEDASSIST_INTERNAL_SECRET": SECRET,
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = settings.front_door_url

    def is_up() -> bool:
        try:
            return httpx.get(f"{url}/healthz").is_success
        except httpx.HTTPError:
            return False

    try:
        assert eventually(is_up, 20)
        patient = Patient(url)
        stream = patient.listen()
        stream.comments.get(timeout=5)
        process.terminate()
        output, _ = process.communicate(timeout=1.5)
        assert output == ""
        patient.close()
    finally:
        process.kill()
        process.wait()
