"""Slack: signed events and clicks, blocks with buttons, answers in the thread of the question."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, Dict, List, Mapping, Optional, Text
from urllib.parse import parse_qs

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web import WebClient

from medassist.cases.contacts import Contact
from medassist.channel_settings import SlackSettings
from medassist.channels.json_body import part, parts, read_json
from medassist.channels.messaging import PROVIDER_SECONDS, MessagingInput, Rendered, Reply
from medassist.channels.parts import cut
from medassist.channels.queues import Incoming
from medassist.channels.sender import TryAgain, Undeliverable

LONGEST_SECTION = 2800
"""Characters of one block of text; Slack takes 3,000, and & < > grow when they are escaped."""

LONGEST_BUTTON = 75
LONGEST_VALUE = 2000

PASSING = {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable",
           "request_timeout", "team_added_to_org", "invalid_auth", "not_authed", "token_revoked",
           "token_expired"}  # fmt: skip
"""Errors of Slack's API that may be mended by waiting, or by whoever runs this bot."""

REASONS = {
    "channel_not_found": "Slack does not know this conversation.",
    "is_archived": "The Slack channel is archived.",
    "not_in_channel": "Our bot was removed from the Slack channel.",
    "user_disabled": "The person's Slack account is switched off.",
}


def escaped(text: Text) -> Text:
    """The text so that Slack shows it as it is. & < > are all that its documentation asks for;
    the marks of bold and the like are switched off by sending plain text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class SlackInput(MessagingInput):
    """The channel `slack`: direct messages, and mentions in channels."""

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "slack"

    @property
    def app(self) -> SlackSettings:
        """The settings; only of a channel that is on."""
        app = self.settings.channels.slack
        assert app is not None
        return app

    async def open(self) -> None:
        """The client library, with a time limit and without retries of its own."""
        logging.getLogger("slack_sdk").setLevel(logging.WARNING)
        self._client = WebClient(
            self.app.bot_token,
            base_url=self.app.api_url,
            timeout=int(PROVIDER_SECONDS),
            retry_handlers=[],
        )

    def add_routes(self, webhook: Blueprint) -> None:
        """Events, and clicks on our buttons."""
        verifier = SignatureVerifier(self.app.signing_secret)

        def is_signed(request: Request) -> bool:
            try:
                return verifier.is_valid_request(request.body, dict(request.headers))
            except (ValueError, TypeError):  # a time stamp that is no number, a body no text
                return False

        @webhook.post("/events")
        async def events(request: Request) -> HTTPResponse:
            if not is_signed(request):
                return response.text("", status=HTTPStatus.FORBIDDEN)
            said = read_json(request.body) or {}
            if said.get("type") == "url_verification":
                return response.text(str(said.get("challenge") or ""))
            message = incoming(said)
            if message and not await self.take([message]):
                return response.text("", status=HTTPStatus.SERVICE_UNAVAILABLE)
            return response.text("")

        @webhook.post("/interactions")
        async def interactions(request: Request) -> HTTPResponse:
            if not is_signed(request):
                return response.text("", status=HTTPStatus.FORBIDDEN)
            form = parse_qs(request.body.decode("utf-8", "replace"))
            message = clicked(read_json("".join(form.get("payload", [])).encode()) or {})
            if message and not await self.take([message]):
                return response.text("", status=HTTPStatus.SERVICE_UNAVAILABLE)
            return response.text("")

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """Blocks of text, with the buttons and the sources below the last."""
        contents: List[Dict[Text, Any]] = []
        for text in cut(reply.signed_text, LONGEST_SECTION):
            section = {
                "type": "section",
                "text": {"type": "plain_text", "text": text, "emoji": False},
            }
            contents.append({"text": escaped(text), "blocks": [section]})
        last = contents[-1]["blocks"]
        links = " | ".join(_link(source) for source in reply.sources)
        if links and len(links) <= LONGEST_SECTION:
            mrkdwn = {"type": "mrkdwn", "text": f"Sources: {links}"}
            last.append({"type": "context", "elements": [mrkdwn]})
        if reply.choices:
            last.append({"type": "actions", "elements": [
                {
                    "type": "button",
                    "action_id": f"choice_{number}",
                    "text": {"type": "plain_text", "text": _short(choice), "emoji": False},
                    "value": choice[:LONGEST_VALUE],
                }
                for number, choice in enumerate(reply.choices)
            ]})  # fmt: skip
        return Rendered(contents)

    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """One message through Slack's client library, in a thread."""
        place = json.loads(contact.address)
        try:
            return await self.in_provider_thread(self._post, place, dict(content))
        except SlackApiError as error:
            self._failed(error)
            raise
        except (SlackClientError, OSError) as error:
            raise TryAgain(f"Slack could not be reached ({type(error).__name__}).") from None

    def _post(self, place: Mapping[Text, Any], content: Dict[Text, Any]) -> Text:
        answer = self._client.chat_postMessage(
            channel=place["channel"],
            thread_ts=place.get("thread"),
            unfurl_links=False,
            unfurl_media=False,
            **content,
        )
        return f"{answer['channel']}.{answer['ts']}"

    @staticmethod
    def _failed(error: SlackApiError) -> None:
        """Raises TryAgain or Undeliverable for what Slack said."""
        answer: Any = error.response
        status = int(getattr(answer, "status_code", 0) or 0)
        try:
            code = str(answer.get("error") or "")
        except (AttributeError, ValueError):  # an error page in place of JSON
            code = ""
        if status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS or code in PASSING:
            headers = {k.lower(): v for k, v in (getattr(answer, "headers", None) or {}).items()}
            after = str(headers.get("retry-after", ""))
            raise TryAgain(
                f"Slack takes no message now ({code or status}).",
                float(after) if after.isdigit() else None,
            ) from None
        raise Undeliverable(REASONS.get(code, f"Slack refused it ({code or status}).")) from None


def _link(source: Mapping[Text, Any]) -> Text:
    url = str(source["url"]).replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")
    title = str(source.get("title") or source.get("publisher") or "Source").replace("|", "/")
    return f"<{url.replace('&', '&amp;')}|{escaped(title)}>"


def _short(title: Text) -> Text:
    return title if len(title) <= LONGEST_BUTTON else f"{title[: LONGEST_BUTTON - 1]}…"


def _place(channel: Text, user: Text, thread: Optional[Text]) -> Text:
    """Where a conversation is: who, in which channel, in which thread (none in direct messages)."""
    threaded = thread and not channel.startswith("D")
    place = {"channel": channel, "user": user, **({"thread": thread} if threaded else {})}
    return json.dumps(place, sort_keys=True)


def incoming(said: Mapping[Text, Any]) -> Optional[Incoming]:
    """A person's message from an event; None for our own words, other bots' and all the rest.

    A mention comes as two events; both have the same channel and time stamp, and are one.
    """
    event = part(said, "event")
    channel, user, at = (str(event.get(name) or "") for name in ("channel", "user", "ts"))
    direct = event.get("channel_type") == "im"
    heard = (event.get("type") == "message" and direct) or event.get("type") == "app_mention"
    if said.get("type") != "event_callback" or not heard or event.get("bot_id"):
        return None
    if event.get("subtype") not in (None, "file_share") or not (channel and user and at):
        return None
    ours = {str(a.get("user_id")) for a in parts(said, "authorizations") if a.get("is_bot")}
    if user in ours:
        return None
    text = str(event.get("text") or "")
    for name in ours:
        text = text.replace(f"<@{name}>", " ")
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    other = kind_of_file(event.get("files"))
    thread = event.get("thread_ts") or (None if direct else at)
    address = _place(channel, user, thread and str(thread))
    id, line = f"{said.get('team_id')}.{channel}.{at}", str(said.get("team_id") or "")
    if text:
        return Incoming(id, line, address, text, also=other)
    return Incoming(id, line, address, kind=other or "empty")


def kind_of_file(files: object) -> Optional[Text]:
    """What came along with a message."""
    if not isinstance(files, list) or not files:
        return None
    media = str(part(files[0]).get("mimetype") or "").split("/")[0]
    return {"image": "picture", "audio": "voice", "video": "video"}.get(media, "file")


def clicked(said: Mapping[Text, Any]) -> Optional[Incoming]:
    """A click on one of our buttons, as if its words had been typed."""
    actions = said.get("actions")
    if said.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    action, message = part(actions[0]), part(said, "message")
    channel, user = part(said, "channel").get("id"), part(said, "user").get("id")
    text = str(action.get("value") or "").strip()
    if not (channel and user and text):
        return None
    team = str(part(said, "team").get("id") or "")
    id = f"{team}.{channel}.{message.get('ts')}.{action.get('action_ts')}.{user}"
    thread = message.get("thread_ts")
    return Incoming(id, team, _place(str(channel), str(user), thread and str(thread)), text)
