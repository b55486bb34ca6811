from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.conftest import (  # noqa: F401
    front_door,
    new_patient,
    pace,
    patient,
    rasa,
    rasa_server,
    settings,
    standing,
)


@pytest.fixture
def one_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The providers' stand-ins make a client for each request; thousands are quicker with one."""
    with httpx.Client(timeout=30, trust_env=False) as client:

        def post(url: str, trust_env: bool = False, **given: Any) -> httpx.Response:
            return client.post(url, **given)

        monkeypatch.setattr(httpx, "post", post)
        yield client
