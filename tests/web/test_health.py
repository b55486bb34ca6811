"""The front door says whether it can answer, what is missing, and what it has measured."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from medassist.settings import Settings
from medassist.web.app import create_app
from tests.web.conftest import settings_in
from tests.web.served import Served

TOKEN = "a-token-of-this-test-0001"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[TestClient]:
    settings = settings_in(tmp_path, MEDASSIST_METRICS_TOKEN=TOKEN)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer é"],
)
def test_the_metrics_need_their_token(door: TestClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    response = door.get("/metrics", headers=headers)
    assert response.status_code == 401
    assert "medassist_" not in response.text
    assert door.get(f"/metrics?token={TOKEN}").status_code == 401


def test_with_the_token_the_queue_is_among_them(door: TestClient) -> None:
    response = door.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'medassist_open_cases{level="emergency"} 0.0' in response.text
    assert "medassist_database_reachable 1.0" in response.text


def test_without_the_setting_there_is_no_such_address(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        response = client.get("/metrics", headers={"Authorization": "Bearer None"})
    assert response.status_code == 404


def test_readyz_names_each_neighbour_that_is_missing(
    settings: Settings, rasa_server: Served
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg2://med:hush@127.0.0.1:{silent.getsockname()[1]}/x"
        with TestClient(create_app(replace(settings, database_url=url))) as client:
            response = client.get("/readyz")
            assert response.status_code == 503
            assert response.json()["error"] == "The database does not answer."
            rasa_server.stop()
            assert client.get("/readyz").json()["error"] == (
                "The Rasa server does not answer. The database does not answer."
            )
            assert client.get("/healthz").status_code == 200


def test_a_rasa_that_takes_the_question_and_never_answers_counts_as_missing(
    settings: Settings,
) -> None:
    silent = socket.create_server(("127.0.0.1", settings.rasa_port))
    with silent, TestClient(create_app(settings)) as client:
        response = client.get("/readyz")
    assert response.json()["error"] == "The Rasa server does not answer."


def test_the_health_is_open_and_says_nothing_else(door: TestClient) -> None:
    assert door.get("/healthz").json() == {"status": "ok"}
