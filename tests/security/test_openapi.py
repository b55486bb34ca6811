"""docs/openapi.yml is true: it names every address of the front door, and no other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from medassist.medicines.feedback import LONGEST_WHY
from medassist.settings import ROOT
from medassist.web.app import create_app
from medassist.web.console.shell import StaffRoute
from medassist.web.words import LONGEST_TEXT
from tests.channels.conftest import environment
from tests.web.conftest import settings_in

DOCUMENT: dict[str, Any] = YAML(typ="safe").load(
    (ROOT / "docs" / "openapi.yml").read_text(encoding="utf-8")
)
ELSEWHERE = ("twilio", "telegram", "slack", "messenger", "generic")
NOTHING_THERE = "/staff/{anything:path}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    """The front door with every channel switched on."""
    var = tmp_path_factory.mktemp("openapi")
    on = environment(var, dict.fromkeys(ELSEWHERE, "http://127.0.0.1:9"))
    return create_app(settings_in(var, **{k: v for k, v in on.items() if k != "MEDASSIST_VAR"}))


def routes_of(app: Starlette) -> dict[tuple[str, str], Route]:
    found = {}
    for route in app.routes:
        if isinstance(route, Mount):
            found["get", f"{route.path}/{{path}}"] = route
            continue
        assert isinstance(route, Route)
        if route.path != NOTHING_THERE:
            path = re.sub(r":\w+}", "}", route.path)
            found |= {(m.lower(), path): route for m in route.methods or () if m != "HEAD"}
    return found


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    }


def test_every_address_is_described_and_every_description_has_its_address(app: Starlette) -> None:
    assert sorted(operations()) == sorted(routes_of(app))


def test_every_description_says_who_may_come_in(app: Starlette) -> None:
    """The staff's roles as the routes have them; what else needs a key or the secret says so."""
    for where, route in routes_of(app).items():
        operation = operations()[where]
        needs = {name for way in operation.get("security", []) for name in way}
        if isinstance(route, StaffRoute):
            assert operation["summary"] == (f"role {route.role}" if route.role else "anyone"), where
            wanted = {"session", "csrf"} if where[0] == "post" else {"session"}
            assert needs == (wanted if route.role else set()), where
        else:
            assert needs <= {"key", "secret"}, where


def test_names_of_operations_are_used_once() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(set(names)) == len(names)


def test_the_limits_are_those_of_the_code() -> None:
    def properties(path: str) -> Any:
        body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        return body["schema"]["properties"]

    assert properties("/chat/messages")["text"]["maxLength"] == LONGEST_TEXT
    assert properties("/chat/thumbs")["why"]["maxLength"] == LONGEST_WHY
