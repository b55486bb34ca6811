"""Telling a patient something on their channel, through Rasa's HTTP API.

Each thing told has an id of its own. What the conversation already holds is not told again, so
that a worker that was killed between telling and recording does not repeat itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from medassist.scaling_settings import preferred_for
from medassist.settings import Settings

READ_SECONDS, TELL_SECONDS = 10.0, 30.0


class NotToldError(Exception):
    """The patient could not be told now; one line, worth another try."""


class NobodyThereError(Exception):
    """There is no such conversation (any more): nobody can be told."""


def notice_id(*about: object) -> str:
    """The id of a thing told, the same at every try."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "medassist:" + ":".join(map(str, about))))


class Patients:
    """The way to the patients, through the first Rasa that can be reached."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.internal_secret or ""
        self._urls = settings.scaling.rasa_urls
        self._http = httpx.Client(timeout=READ_SECONDS, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def tell_patient(
        self,
        conversation: str,
        text: str,
        custom: Mapping[str, Any],
        slots: Mapping[str, Any] | None = None,
    ) -> bool:
        """Say `text` in a conversation and set slots with it, in one step; False if said before.

        `custom` must hold the message's id: its own `id`, or that of its `staff`. Raises
        NotToldError when Rasa cannot be reached, NobodyThereError when the conversation is gone.
        """
        wanted = _pushed(custom)
        assert wanted, "a message without an id cannot be told exactly once"
        events = self._tracker(conversation).get("events") or []
        if not any(event.get("event") == "user" for event in events):
            raise NobodyThereError("There is no such conversation.")
        if wanted in _told(events):
            return False
        body: list[dict[str, Any]] = [
            {"event": "slot", "name": name, "value": value} for name, value in (slots or {}).items()
        ]
        body.append({"event": "bot", "text": text, "data": {"custom": dict(custom)}})
        self._call(
            "POST",
            conversation,
            "/events",
            params={"output_channel": "latest", "execute_side_effects": "true"},
            json=body,
            timeout=TELL_SECONDS,
        )
        return True

    def _tracker(self, conversation: str) -> dict[str, Any]:
        tracker = self._call("GET", conversation, "", params={"include_events": "ALL"}).json()
        if not isinstance(tracker, dict):
            raise NotToldError("Rasa's answer was no conversation")
        return tracker

    def _call(
        self, method: str, conversation: str, path: str, params: dict[str, str], **more: Any
    ) -> httpx.Response:
        reason = ""
        for url in preferred_for(conversation, self._urls):
            try:
                response = self._http.request(
                    method,
                    f"{url}/conversations/{quote(conversation, safe='')}/tracker{path}",
                    params={**params, "token": self._secret},
                    **more,
                )
                return response.raise_for_status()
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                reason = type(error).__name__
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                raise NotToldError(f"Rasa answered with status {status}") from None
            except (httpx.HTTPError, ValueError) as error:
                raise NotToldError(f"Rasa cannot be reached ({type(error).__name__})") from None
        raise NotToldError(f"Rasa cannot be reached ({reason})")


def _pushed(custom: Mapping[str, Any]) -> str | None:
    """The id of a message that answers no message of the patient."""
    staff = custom.get("staff")
    identity = staff.get("id") if isinstance(staff, Mapping) else custom.get("id")
    return str(identity) if identity else None


def _told(events: Sequence[Mapping[str, Any]]) -> set[str | None]:
    customs = [(e.get("data") or {}).get("custom") for e in events if e.get("event") == "bot"]
    return {_pushed(custom) for custom in customs if isinstance(custom, Mapping)}
