"""Who may embed the chat, what the widget is served as, and how many may begin."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from medassist.settings import Settings, SettingsError, load_settings
from medassist.web import newcomers as newcomers_module
from medassist.web.app import create_app
from medassist.web.newcomers import Newcomers
from medassist.web.pace import Pace
from tests.web.conftest import settings_in
from tests.web.patient import Patient
from tests.web.served import Served

CLINIC = "https://clinic.example"
OTHER = "https://other.example"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, MEDASSIST_EMBED_ORIGINS=f"{CLINIC} http://localhost:8080")


def preflight(url: str, origin: str, path: str = "/chat/messages") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-conversation-key",
    }
    return httpx.options(url + path, headers=headers)


# ── origins ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("origin", [CLINIC, "http://localhost:8080"])
def test_a_listed_website_may_use_the_chat_without_cookies(front_door: Served, origin: str) -> None:
    asked = preflight(front_door.url, origin)
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "x-conversation-key" in asked.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in asked.headers
    begun = httpx.post(f"{front_door.url}/chat/conversations", headers={"Origin": origin})
    assert begun.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in begun.headers["Vary"]


def test_a_refusal_can_be_read_by_the_listed_website(front_door: Served) -> None:
    refused = httpx.get(f"{front_door.url}/chat/history", headers={"Origin": CLINIC})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == CLINIC


@pytest.mark.parametrize(
    "origin", [OTHER, "null", CLINIC + ".evil.example", "http://clinic.example", CLINIC + ":444"]
)
def test_no_other_website_may(front_door: Served, origin: str) -> None:
    asked = preflight(front_door.url, origin)
    assert asked.status_code == 400
    assert "Access-Control-Allow-Origin" not in asked.headers
    begun = httpx.post(f"{front_door.url}/chat/conversations", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in begun.headers


@pytest.mark.parametrize("path", ["/", "/internal/replies", "/healthz", "/demo"])
def test_beyond_the_chat_no_website_may_do_anything(front_door: Served, path: str) -> None:
    response = httpx.get(front_door.url + path, headers={"Origin": CLINIC})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_without_a_list_only_this_site_may(stranger: Patient) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(stranger.url, CLINIC).headers


def test_origins_are_read_from_the_setting_whatever_their_letters() -> None:
    origins = "https://Clinic.example\n http://127.0.0.1:8080  http://[::1]:80"
    settings = load_settings({"MEDASSIST_EMBED_ORIGINS": origins})
    assert settings.embed_origins == (
        "https://clinic.example",
        "http://127.0.0.1:8080",
        "http://[::1]:80",
    )
    assert load_settings({}).embed_origins == ()


@pytest.mark.parametrize(
    "origin",
    ["*", "clinic.example", "https://clinic.example/", "https://*.example", "ftp://clinic.example",
     "https://clinic.example/chat", "https://a,https://b", "null", "https://user@clinic.example"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_in_one_line_with_its_variable(origin: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"MEDASSIST_EMBED_ORIGINS": f"{CLINIC} {origin}"})
    assert "MEDASSIST_EMBED_ORIGINS" in str(refused.value)
    assert repr(origin) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "²"])
def test_a_bad_limit_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_NEW_CONVERSATIONS must be a whole number"):
        load_settings({"MEDASSIST_NEW_CONVERSATIONS": value})


# ── what is served ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/widget.js", "/static/widget/strings.en.js"])
def test_the_widgets_files_may_be_loaded_by_any_site_and_are_compressed(
    stranger: Patient, path: str
) -> None:
    response = httpx.get(stranger.url + path, headers={"Origin": OTHER})
    assert response.status_code == 200
    assert "javascript" in response.headers["Content-Type"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"


def test_our_other_files_are_for_our_own_pages(stranger: Patient) -> None:
    headers = httpx.get(stranger.url + "/static/page.css").headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_who_has_the_widget_already_is_told_so(stranger: Patient) -> None:
    url = stranger.url + "/widget.js"
    tag = httpx.get(url).headers["ETag"]
    again = httpx.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    assert httpx.get(url, headers={"If-None-Match": '"old"'}).status_code == 200


def test_the_stream_of_events_is_never_compressed(stranger: Patient) -> None:
    headers = {"X-Conversation-Key": stranger.key, "Accept-Encoding": "gzip"}
    with httpx.stream("GET", f"{stranger.url}/chat/events", headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in response.headers


def test_the_widget_has_the_regions_numbers_within_it(
    tmp_path: Path, pace: Pace, serve: Callable[[Settings], Served]
) -> None:
    front_door = serve(settings_in(tmp_path, MEDASSIST_REGION="IE"))
    script = httpx.get(f"{front_door.url}/widget.js").text
    baked = json.loads(script.splitlines()[-1].partition(", ")[2].removesuffix(");"))
    config = httpx.get(f"{front_door.url}/chat/config").json()
    assert {**baked, "staff": None} == config
    assert [line["kind"] for line in config["lines"]] == ["emergency", "poison", "crisis"]
    assert config["lines"][0]["say"] == "112 or 999"
    assert config["longest_text"] == 5000
    assert "Call 112 or 999" in httpx.get(front_door.url).text


def test_the_demo_shows_the_line_that_works_here(stranger: Patient) -> None:
    page = html.unescape(httpx.get(stranger.url + "/demo").text)
    address = f"{stranger.url}/widget.js"
    assert f'<code><script type="module" async src="{address}"></script></code>' in page
    assert httpx.get(address).status_code == 200
    assert "made up" in page


# ── new conversations ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def serve(pace: Pace) -> Iterator[Callable[[Settings], Served]]:
    running: list[Served] = []

    def start(settings: Settings) -> Served:
        running.append(Served(lambda: create_app(settings, pace), settings.front_door_port))
        running[-1].start()
        return running[-1]

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def few(tmp_path: Path, serve: Callable[[Settings], Served]) -> str:
    """A front door that lets three conversations begin; its address."""
    return serve(settings_in(tmp_path, MEDASSIST_NEW_CONVERSATIONS="3")).url


def begin(url: str, address: str = "198.51.100.7") -> httpx.Response:
    return httpx.post(f"{url}/chat/conversations", headers={"X-Forwarded-For": address})


def test_one_address_may_begin_so_many_conversations_and_is_told_in_plain_words(few: str) -> None:
    assert [begin(few).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = begin(few)
    assert "Too many new chats" in refused.json()["error"]
    assert "call 911" in refused.json()["error"]
    assert 0 < int(refused.headers["Retry-After"]) <= 600
    assert begin(few, "198.51.100.8").status_code == 201


def test_a_key_of_ones_own_making_is_a_new_conversation_too(few: str) -> None:
    codes = []
    for letter in "abcd":
        headers = {"X-Conversation-Key": letter * 43, "X-Forwarded-For": "198.51.100.9"}
        httpx.get(f"{few}/chat/history", headers=headers)  # looking first does not help
        body = {"id": "message-one", "text": "hello"}
        codes.append(httpx.post(f"{few}/chat/messages", headers=headers, json=body).status_code)
    assert codes == [202, 202, 202, 429]


def test_a_conversation_counts_once(few: str) -> None:
    key = begin(few).json()["key"]
    headers = {"X-Conversation-Key": key, "X-Forwarded-For": "198.51.100.7"}
    for number in range(6):
        body = {"id": f"message-{number}", "text": "hello"}
        sent = httpx.post(f"{few}/chat/messages", headers=headers, json=body)
        assert sent.status_code == 202


def test_only_a_proxy_we_trust_may_say_whose_address_it_is(
    few: str, tmp_path: Path, serve: Callable[[Settings], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    url = serve(settings_in(tmp_path / "proxy", MEDASSIST_NEW_CONVERSATIONS="3")).url
    codes = [begin(url, f"198.51.100.{number}").status_code for number in range(4)]
    assert codes == [201, 201, 201, 429]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_ten_minutes_one_may_begin_again() -> None:
    clock = Clock()
    newcomers = Newcomers(2, clock)
    assert [newcomers.admit("a") for _ in range(2)] == [0, 0]
    clock.now = 599.5
    assert newcomers.admit("a") == 1
    clock.now = 600
    assert newcomers.admit("a") == 0


def test_one_home_of_ipv6_is_one_address() -> None:
    newcomers = Newcomers(1, Clock())
    assert newcomers.admit("2001:db8:1:2::1") == 0
    assert newcomers.admit("2001:db8:1:2:ffff::9") > 0
    assert newcomers.admit("2001:db8:1:3::1") == 0


def test_the_count_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers_module, "MOST_ADDRESSES", 5)
    newcomers = Newcomers(1, Clock())
    for number in range(50):
        newcomers.admit(f"198.51.100.{number}")
    assert len(newcomers) == 5
