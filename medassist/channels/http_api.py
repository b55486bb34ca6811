"""Calls of providers' JSON APIs, with a time limit, and what their answers mean."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional, Text

import httpx

from medassist.channels.messaging import PROVIDER_SECONDS
from medassist.channels.sender import TryAgain


def client() -> httpx.AsyncClient:
    """A client of a provider; its log would hold addresses with tokens, so it keeps quiet."""
    return httpx.AsyncClient(timeout=PROVIDER_SECONDS)


async def post(
    http: httpx.AsyncClient,
    provider: Text,
    url: Text,
    *,
    headers: Optional[Dict[Text, Text]] = None,
    json: Any = None,
    content: Optional[bytes] = None,
) -> httpx.Response:
    """One call. Raises TryAgain when it was not answered, or with a fault that will pass."""
    try:
        answer = await http.post(url, headers=headers, json=json, content=content)
    except httpx.HTTPError as error:
        raise TryAgain(f"{provider} could not be reached ({type(error).__name__}).") from None
    status = answer.status_code
    if status >= 500 or status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        after = answer.headers.get("retry-after", "")
        wanted = body(answer).get("parameters", {})
        seconds = wanted.get("retry_after") if isinstance(wanted, Mapping) else None
        if seconds is None and after.isdigit():
            seconds = int(after)
        raise TryAgain(
            f"{provider} answered with status {status}.",
            float(seconds) if isinstance(seconds, (int, float)) else None,
        )
    return answer


def body(answer: httpx.Response) -> Dict[Text, Any]:
    """The JSON object of an answer, or an empty one."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
