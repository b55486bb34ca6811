"""Facebook Messenger: signed events of our pages, quick replies, 24 hours to answer in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Dict, List, Mapping, Text

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.cases.contacts import Contact
from medassist.channel_settings import MessengerSettings
from medassist.channels.choices import as_lines
from medassist.channels.http_api import body, client, post
from medassist.channels.json_body import part, parts, read_json
from medassist.channels.messaging import MessagingInput, Rendered, Reply
from medassist.channels.parts import cut
from medassist.channels.queues import Incoming
from medassist.channels.sender import TryAgain, Undeliverable
from medassist.channels.signed import hexadecimal, is_same

LONGEST_TEXT = 2000
LONGEST_TITLE = 20
LONGEST_PAYLOAD = 1000

KINDS = {"image": "picture", "audio": "voice", "video": "video", "file": "file",
         "location": "location"}  # fmt: skip

PASSING = {1, 2, 4, 17, 32, 341, 613, 80006}
"""Codes of Meta's errors that pass: faults of theirs, too many calls."""

NOT_ALLOWED = {102, 190}
"""Codes for an access token that is no longer good."""

REASONS = {
    (10, 2018278): "Messenger lets us write for 24 hours after a person's last message only.",
    (551, 1545041): "The person cannot be reached on Messenger: they have blocked the page.",
    (100, 2018001): "Messenger does not know this person.",
}


class MessengerInput(MessagingInput):
    """The channel `messenger`. A page of ours is the line that somebody writes to."""

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "messenger"

    @property
    def app(self) -> MessengerSettings:
        """The settings; only of a channel that is on."""
        app = self.settings.channels.messenger
        assert app is not None
        return app

    async def open(self) -> None:
        """The client for the Graph API."""
        self._http = client()

    async def close(self) -> None:
        """Close it."""
        await self._http.aclose()

    def add_routes(self, webhook: Blueprint) -> None:
        """Meta's challenge, and the events of our pages."""

        @webhook.get("/events")
        async def challenge(request: Request) -> HTTPResponse:
            asked = request.args.get
            given = is_same(self.app.verify_token, asked("hub.verify_token", ""))
            if asked("hub.mode") != "subscribe" or not given:
                return response.text("", status=HTTPStatus.FORBIDDEN)
            return response.text(asked("hub.challenge", ""))

        @webhook.post("/events")
        async def events(request: Request) -> HTTPResponse:
            expected = "sha256=" + hexadecimal(self.app.app_secret, request.body)
            if not is_same(expected, request.headers.get("X-Hub-Signature-256", "")):
                return response.text("", status=HTTPStatus.FORBIDDEN)
            said = read_json(request.body) or {}
            messages = incoming(said) if said.get("object") == "page" else []
            if not await self.take([m for m in messages if m.line in self.app.pages]):
                return response.text("", status=HTTPStatus.SERVICE_UNAVAILABLE)
            return response.text("EVENT_RECEIVED")

    async def show_typing(self, contact: Contact) -> None:
        """The three dots."""
        await self._call(contact, {"sender_action": "typing_on"})

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """Quick replies take 20 characters: longer ones stand in the text, and a number is sent."""
        lines = [reply.signed_text]
        lines += [f"{s.get('publisher') or s.get('title')}: {s['url']}" for s in reply.sources]
        short = all(len(choice) <= LONGEST_TITLE for choice in reply.choices)
        if reply.choices and not short:
            lines += as_lines(reply.choices)
        contents: List[Dict[Text, Any]] = [
            {"message": {"text": text}} for text in cut("\n".join(lines), LONGEST_TEXT)
        ]
        if reply.choices:
            contents[-1]["message"]["quick_replies"] = [
                {
                    "content_type": "text",
                    "title": choice if short else str(number),
                    "payload": choice[:LONGEST_PAYLOAD],
                }
                for number, choice in enumerate(reply.choices, start=1)
            ]
        return Rendered(contents, [] if short else reply.choices)

    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """One message through the Send API, as an answer within 24 hours."""
        said = await self._call(contact, {"messaging_type": "RESPONSE", **content})
        return str(said.get("message_id") or "")

    async def _call(self, contact: Contact, content: Mapping[Text, Any]) -> Mapping[Text, Any]:
        token = self.app.pages.get(contact.line)
        if token is None:
            raise Undeliverable("The page that the person wrote to is no longer in the settings.")
        answer = await post(
            self._http,
            "Messenger",
            f"{self.app.api_url}/{contact.line}/messages",
            headers={"Authorization": f"Bearer {token}"},
            json={
                "recipient": {"id": contact.address},
                "appsecret_proof": hexadecimal(self.app.app_secret, token.encode()),
                **content,
            },
        )
        said = body(answer)
        if answer.is_success:
            return said
        error = part(said, "error")
        code, detail = int(error.get("code") or 0), int(error.get("error_subcode") or 0)
        if code in PASSING:
            raise TryAgain(f"Messenger takes no message now (error {code}).")
        if code in NOT_ALLOWED:
            raise TryAgain("Messenger does not accept our page's access token.")
        raise Undeliverable(REASONS.get((code, detail), f"Messenger refused it (error {code})."))


def incoming(said: Mapping[Text, Any]) -> List[Incoming]:
    """The messages of a request; our own words that Meta echoes, and its reports, are none."""
    found = []
    for entry in parts(said, "entry"):
        for event in parts(entry, "messaging"):
            message, postback = part(event, "message"), part(event, "postback")
            person, page = part(event, "sender").get("id"), part(event, "recipient").get("id")
            if message.get("is_echo") or not (message or postback) or not (person and page):
                continue
            quick = part(message, "quick_reply").get("payload")
            text = quick or message.get("text") or postback.get("payload") or ""
            files = parts(message, "attachments")
            other = KINDS.get(str(files[0].get("type")), "unknown") if files else None
            if message.get("sticker_id") or (files and part(files[0], "payload").get("sticker_id")):
                other = "sticker"
            own = message.get("mid") or postback.get("mid")
            id = str(own or f"{person}.{event.get('timestamp')}")
            if str(text).strip():
                found.append(Incoming(id, str(page), str(person), str(text).strip(), also=other))
            else:
                found.append(Incoming(id, str(page), str(person), kind=other or "empty"))
    return found
