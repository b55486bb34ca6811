"""The plain webhook: signed messages in, signed callbacks out, for whatever a clinic has.

docs/channels/generic.md tells its format.
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import Any, Mapping, Optional, Text

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.cases.contacts import Contact
from medassist.cases.hours import Clinic
from medassist.channel_settings import GenericSettings
from medassist.channels.http_api import client, post
from medassist.channels.json_body import read_json
from medassist.channels.messaging import MessagingInput, Rendered, Reply
from medassist.channels.queues import Incoming
from medassist.channels.sender import Undeliverable
from medassist.channels.signed import hexadecimal, is_recent, is_same
from medassist.channels.words import KINDS, LONGEST_TEXT

TIMESTAMP_HEADER = "X-Medassist-Timestamp"
SIGNATURE_HEADER = "X-Medassist-Signature"
LONGEST_ID = 200

ONE_CLINIC = "generic"
"""The line of messages that name no clinic; a clinic's id follows in those that do."""

CUSTOM_KEYS = ("topic", "medicine", "answer_id", "version", "review", "sources", "level", "card",
               "heading", "call", "handover", "erased")  # fmt: skip
"""What of a reply's `custom` leaves this machine."""


def signature(secret: Text, direction: Text, timestamp: Text, body: bytes) -> Text:
    """The signature of a request; `direction` is "in" or "out", so that none fits both ways."""
    return "v1=" + hexadecimal(secret, f"{direction}.{timestamp}.".encode() + body)


class GenericInput(MessagingInput):
    """The channel `generic`."""

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "generic"

    @property
    def partner(self) -> GenericSettings:
        """The settings; only of a channel that is on."""
        partner = self.settings.channels.generic
        assert partner is not None
        return partner

    async def open(self) -> None:
        """The client for callbacks."""
        self._http = client()

    async def close(self) -> None:
        """Close it."""
        await self._http.aclose()

    def add_routes(self, webhook: Blueprint) -> None:
        """Messages in, and reports of those of ours that did not arrive."""

        def refusal(request: Request) -> Optional[HTTPResponse]:
            """Why a request is not let in, if it is not."""
            timestamp = request.headers.get(TIMESTAMP_HEADER, "")
            given = request.headers.get(SIGNATURE_HEADER, "")
            if not is_same(signature(self.partner.secret, "in", timestamp, request.body), given):
                return refused(HTTPStatus.UNAUTHORIZED, "The signature is wrong.")
            if not is_recent(timestamp):
                return refused(HTTPStatus.UNAUTHORIZED, "The time stamp is not of now.")
            return None

        @webhook.post("/messages")
        async def messages(request: Request) -> HTTPResponse:
            no = refusal(request)
            if no:
                return no
            said = read_json(request.body)
            problem = problem_of(said)
            if said is None or problem:
                return refused(HTTPStatus.BAD_REQUEST, problem)
            kind = str(said.get("kind") or "text")
            clinic = said.get("clinic")
            if clinic is not None and not self.clinics.find(clinic):
                return refused(HTTPStatus.BAD_REQUEST, '"clinic" is not the id of a clinic.')
            line = f"{ONE_CLINIC}:{clinic}" if clinic else ONE_CLINIC
            message = Incoming(said["id"], line, said["conversation"], said.get("text") or "", kind)
            if not await self.take([message]):
                return refused(HTTPStatus.SERVICE_UNAVAILABLE, "It could not be kept. Try again.")
            return response.json({"accepted": said["id"]}, status=HTTPStatus.ACCEPTED)

        @webhook.post("/undelivered")
        async def undelivered(request: Request) -> HTTPResponse:
            no = refusal(request)
            if no:
                return no
            said = read_json(request.body) or {}
            id = str(said.get("id") or "")
            if not (id.isascii() and id.isdigit()):
                return refused(HTTPStatus.BAD_REQUEST, 'It must name the "id" of a reply.')
            reason = str(said.get("reason") or "The message was not delivered.")[:300]
            await self.sender.reported(int(id[:18]), reason)
            return response.json({"recorded": id})

    def clinic_at(self, line: Text) -> Clinic:
        """The clinic that the message named; the default one if it named none."""
        return self.clinics.named(line.partition(":")[2])

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """A reply as it is; whoever gets it shows it."""
        custom = {k: reply.custom[k] for k in CUSTOM_KEYS if k in reply.custom}
        content = {
            "clinic": self.clinic_at(contact.line).id,
            "text": reply.text,
            "buttons": [{"title": c, "payload": c} for c in reply.choices],
            "from": {"name": reply.staff} if reply.staff else None,
            "custom": custom,
        }
        return Rendered([content])

    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """One callback; any status from 200 to 299 means that it was taken."""
        said = {"id": str(id), "conversation": contact.address, **content}
        body = json.dumps(said, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        answer = await post(
            self._http,
            "The callback's server",
            self.partner.callback_url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": str(id),
                TIMESTAMP_HEADER: timestamp,
                SIGNATURE_HEADER: signature(self.partner.secret, "out", timestamp, body),
            },
        )
        if not answer.is_success:
            raise Undeliverable(f"The callback's server refused it (status {answer.status_code}).")
        return str(id)


def problem_of(said: Optional[Mapping[Text, Any]]) -> Text:
    """What is wrong with a message, in one line, or nothing."""
    if said is None:
        return "It must be a JSON object."
    for name in ("id", "conversation"):
        value = said.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
            return f'"{name}" must be text of 1 to {LONGEST_ID} characters.'
    if not isinstance(said.get("text", ""), str):
        return '"text" must be text.'
    if len(said.get("text", "")) > LONGEST_TEXT:
        return f'"text" may have up to {LONGEST_TEXT} characters.'
    kind = said.get("kind", "text")
    if kind != "text" and kind not in KINDS:
        return f'"kind" must be text or one of {", ".join(KINDS)}.'
    return ""


def refused(status: HTTPStatus, why: Text) -> HTTPResponse:
    """A refusal in one line."""
    return response.json({"error": why}, status=status)
