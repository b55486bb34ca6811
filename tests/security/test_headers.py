"""Every response of the front door says what a browser may do with it, errors and files too."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from re import search

import httpx
import pytest
from starlette.testclient import TestClient

from medassist.web.app import create_app
from medassist.web.rasa_server import RasaServer
from tests.web.conftest import settings_in
from tests.web.rasa_stand_in import StandInRasa
from tests.web.served import Served

ON_ALL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
POLICY = {
    "default-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
}
OF_ALL_KINDS = [
    ("GET", "/", 200),
    ("GET", "/demo", 200),
    ("GET", "/widget.js", 200),
    ("GET", "/chat/config", 200),
    ("OPTIONS", "/chat/messages", 405),
    ("GET", "/static/page.css", 200),
    ("GET", "/static/nothing.css", 404),
    ("GET", "/static/%2e%2e/app.py", 404),
    ("POST", "/static/page.css", 405),
    ("GET", "/nowhere", 404),
    ("POST", "/", 405),
    ("POST", "/chat/messages", 401),
    ("GET", "/chat/history", 401),
    ("POST", "/internal/replies", 403),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/read/AAAAAAAAAAAAAAAA", 404),
    ("GET", "/staff", 401),
    ("GET", "/staff/sign-in", 200),
    ("GET", "/staff/nowhere", 404),
    ("POST", "/staff/sign-in", 403),
]


@pytest.mark.parametrize(("method", "path", "status"), OF_ALL_KINDS)
def test_every_response_has_the_headers(
    standing: tuple[Served, StandInRasa], method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, standing[0].url + path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ON_ALL} == ON_ALL
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    if path == "/widget.js" or path.startswith("/static/"):
        assert answer.headers["cache-control"] == "no-cache"
    else:
        assert answer.headers["cache-control"] == "no-store"
    if path != "/widget.js":
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_fault_of_ours_has_the_headers_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_self: RasaServer) -> bool:
        raise RuntimeError("a word of a patient")

    monkeypatch.setattr(RasaServer, "is_ready", breaks)
    settings = settings_in(tmp_path, MEDASSIST_PUBLIC_URL="https://chat.example")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong on our side. Please try again."}
    assert {name: answer.headers.get(name) for name in ON_ALL} == ON_ALL
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("public_url", "wanted"), [("https://chat.example", True), ("http://chat.example", False)]
)
def test_https_stays_https_where_people_reach_us_by_it(
    tmp_path: Path, public_url: str, wanted: bool
) -> None:
    settings = settings_in(tmp_path, MEDASSIST_PUBLIC_URL=public_url)
    with TestClient(create_app(settings)) as client:
        for path in ("/", "/nowhere", "/static/page.css"):
            assert ("strict-transport-security" in client.get(path).headers) is wanted


@pytest.mark.parametrize(
    "path", ["/", "/demo", "/staff/sign-in", "/staff", "/chat/config/", "/demo/"]
)
def test_the_host_a_request_names_is_repeated_nowhere(
    standing: tuple[Served, StandInRasa], path: str
) -> None:
    named = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = httpx.get(standing[0].url + path, headers=named)
    assert "evil.example" not in answer.text
    assert "evil.example" not in str(answer.headers)


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/staff/\\..//evil.example",
        "/%09/evil.example",
        "\t//evil.example",
        "/staff\r\nX-Injected: 1",
        "javascript:alert(1)",
        "/staff@evil.example",
        "/staff/../../evil",
        "/staff/%2e%2e/evil",
    ],
)
def test_signing_in_leads_nowhere_but_to_the_console(
    standing: tuple[Served, StandInRasa], to: str
) -> None:
    answer = httpx.get(f"{standing[0].url}/staff/sign-in", params={"next": to})
    assert answer.status_code == 200
    assert "x-injected" not in answer.headers
    field = search(r'name="next" value="([^"]*)"', answer.text)
    assert field is not None
    leads_to = httpx.URL(f"{standing[0].url}/staff/sign-in").join(unescape(field[1]))
    assert (leads_to.host, leads_to.path.split("/")[1]) == ("127.0.0.1", "staff")
