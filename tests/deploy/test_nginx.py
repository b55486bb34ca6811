"""nginx with the configuration we ship, run for real in front of a real front door."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from medassist.settings import ROOT
from tests.deploy.conftest import (
    Site,
    configuration,
    nginx_command,
    require_nginx,
    started_nginx,
    stop,
)
from tests.web.served import free_port

_addresses = itertools.count(10)


@pytest.fixture
def address() -> str:
    """A network address that no other test has come from."""
    return f"127.0.1.{next(_addresses)}"


def begin(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/chat/conversations", headers=headers)


def test_nginx_finds_no_fault_in_the_files_we_ship(tmp_path: Path) -> None:
    nginx = require_nginx()
    configuration(tmp_path, [free_port()], (free_port(), free_port()))
    shipped = (ROOT / "deploy/nginx/front-door.conf").read_text(encoding="utf-8")
    (tmp_path / "front-door.conf").write_text(shipped, encoding="utf-8")
    checked = subprocess.run(
        nginx_command(nginx, tmp_path, "-t"), capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_the_page_arrives_over_tls_and_is_to_be_asked_for_by_tls_only(
    site: Site, address: str
) -> None:
    with site.proxy.client(address) as client:
        page = client.get("/")
    assert page.status_code == 200
    assert page.headers.get_list("strict-transport-security") == ["max-age=63072000"]
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers.get_list("x-content-type-options") == ["nosniff"]
    assert page.headers["server"] == "nginx"


def test_who_comes_without_tls_is_sent_to_it(site: Site) -> None:
    answer = httpx.get(f"{site.proxy.plain_url}/staff?a=b", headers={"Host": "chat.example"})
    assert (answer.status_code, answer.headers["location"]) == (
        308,
        "https://chat.example/staff?a=b",
    )


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_tls_is_refused(site: Site, version: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    where = site.proxy.url.removeprefix("https://")
    shaken = subprocess.run(
        ["openssl", "s_client", "-connect", where, version, "-cipher", "ALL:@SECLEVEL=0"],
        capture_output=True, text=True, input="", check=False, timeout=30,
    )  # fmt: skip
    assert shaken.returncode != 0
    assert "protocol version" in shaken.stderr or "no protocols available" in shaken.stderr


def test_replies_stream_through_word_by_word(site: Site, address: str) -> None:
    """Held back, the first words would arrive with the last ones, or never."""
    site.rasa.script["is it safe"] = [{"text": "one"}]
    with site.proxy.client(address) as client:
        key = {"X-Conversation-Key": begin(client).json()["key"]}
        with client.stream("GET", "/chat/events", headers=key) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            sent = client.post(
                "/chat/messages", headers=key, json={"id": "message-one", "text": "is it safe"}
            )
            assert sent.status_code == 202
            replies = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
            assert next(reply for reply in replies if reply["who"] == "bot")["text"] == "one"
            assert "content-encoding" not in stream.headers


def test_a_message_is_handed_on_once_although_the_other_front_door_is_down(
    site: Site, address: str
) -> None:
    with site.proxy.client(address) as client:
        key = {"X-Conversation-Key": begin(client).json()["key"]}
        texts = [f"{address} message {number}" for number in range(6)]
        for number, text in enumerate(texts):
            body = {"id": f"message-{number}", "text": text}
            assert client.post("/chat/messages", headers=key, json=body).status_code == 202
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            got = [m["text"] for m in site.rasa.got if m["text"] in texts]
            if len(got) >= len(texts):
                break
            time.sleep(0.05)
    assert got == texts


def test_an_address_that_a_client_makes_up_is_not_believed(site: Site, address: str) -> None:
    """Three conversations an address may begin here; a fourth stays refused under any name."""
    with site.proxy.client(address) as client:
        said = [
            begin(client, **{"X-Forwarded-For": f"203.0.113.{n}", "X-Real-IP": f"203.0.113.{n}"})
            for n in range(4)
        ]
    assert [answer.status_code for answer in said] == [201, 201, 201, 429]
    assert "emergency" not in said[3].json()["error"]  # the front door's own words, not nginx's


def test_two_addresses_behind_the_proxy_are_told_apart(site: Site, address: str) -> None:
    with site.proxy.client(address) as client:
        assert [begin(client).status_code for _ in range(4)][-1] == 429
    with site.proxy.client(f"127.0.2.{address.split('.')[-1]}") as other:
        assert begin(other).status_code == 201


def test_too_much_from_one_address_is_refused_with_words_and_others_go_on(
    site: Site, address: str
) -> None:
    with site.proxy.client(address) as client, ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: client.get("/healthz"), range(300)))
        refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert "emergency number" in refused[0].json()["error"]
    assert refused[0].headers["retry-after"] == "5"
    assert refused[0].headers["strict-transport-security"]
    with site.proxy.client(f"127.0.2.{address.split('.')[-1]}") as other:
        assert other.get("/healthz").status_code == 200


def test_passwords_cannot_be_tried_by_the_hundred(site: Site, address: str) -> None:
    with site.proxy.client(address) as client:
        answers = [client.get("/staff/sign-in").status_code for _ in range(20)]
    assert answers[:10] == [200] * 10
    assert answers[-1] == 429


def test_the_messaging_providers_are_not_counted_by_address(site: Site, address: str) -> None:
    """They speak for everyone. No channel is on here, so the front door knows no such address."""
    with site.proxy.client(address) as client, ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: client.post("/webhooks/sms/messages"), range(300)))
    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize(
    "path",
    [
        "/internal/replies", "/internal/", "/metrics", "/chat/../internal/replies",
        "/%69nternal/replies", "//internal/replies", "/./metrics",
    ],
)  # fmt: skip
def test_what_is_between_our_own_servers_cannot_be_reached(
    site: Site, address: str, path: str
) -> None:
    with site.proxy.client(address) as client:
        request = client.build_request("POST", "/", headers={"X-Medassist-Secret": "x"})
        request.url = request.url.copy_with(raw_path=path.encode())
        assert client.send(request).status_code == 404


def test_a_body_that_is_too_large_is_refused_in_words(site: Site, address: str) -> None:
    with site.proxy.client(address) as client:
        answer = client.post("/chat/messages", content=b"x" * 70_000)
    assert (answer.status_code, "shorten" in answer.json()["error"]) == (413, True)


def test_the_log_names_nobody_and_no_query(site: Site, address: str) -> None:
    with site.proxy.client(address) as client:
        client.get("/healthz?name=Jane", headers={"Referer": "https://baclofen.example"})
    log = site.proxy.log()
    assert "GET /healthz 200" in log
    for secret in ("Jane", "baclofen", address):
        assert secret not in log


def test_without_any_front_door_people_are_told_so_with_what_to_do(tmp_path: Path) -> None:
    proxy = started_nginx(tmp_path, [free_port(), free_port()])
    try:
        with proxy.client() as client:
            answer = client.get("/")
    finally:
        stop(proxy.process)
    assert answer.status_code == 503
    assert "call the emergency number" in answer.json()["error"]
    assert answer.headers["retry-after"] == "5"
