"""Telegram: the secret token header, HTML made safe, a keyboard of quick replies, typing."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Any, List, Mapping, Optional, Text

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.cases.contacts import Contact
from medassist.channel_settings import TelegramSettings
from medassist.channels.http_api import body, client, post
from medassist.channels.json_body import part, read_json
from medassist.channels.messaging import MessagingInput, Rendered, Reply
from medassist.channels.parts import cut
from medassist.channels.queues import Incoming, Waiting
from medassist.channels.sender import TryAgain, Undeliverable
from medassist.channels.signed import is_same

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"

LONGEST_TEXT = 4000
"""Characters of one message; Telegram takes 4,096 of what is shown, marks not counted."""

KINDS = {
    "photo": "picture", "sticker": "sticker", "voice": "voice", "audio": "voice",
    "video": "video", "video_note": "video", "animation": "video", "document": "file",
    "location": "location", "venue": "location", "contact": "contact",
}  # fmt: skip
"""Fields of Telegram's Message, and what they hold."""

REASONS = {
    "blocked": "The person has blocked our bot on Telegram.",
    "deactivated": "The person's Telegram account is gone.",
    "chat not found": "Telegram does not know this chat.",
}


class TelegramInput(MessagingInput):
    """The channel `telegram`. It talks in private chats only: in a group, all would read along."""

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "telegram"

    @property
    def bot(self) -> TelegramSettings:
        """The settings; only of a channel that is on."""
        bot = self.settings.channels.telegram
        assert bot is not None
        return bot

    async def open(self) -> None:
        """The client for the Bot API."""
        self._http = client()

    async def close(self) -> None:
        """Close it."""
        await self._http.aclose()

    def add_routes(self, webhook: Blueprint) -> None:
        """Updates from Telegram."""

        @webhook.post("/updates")
        async def updates(request: Request) -> HTTPResponse:
            if not is_same(self.bot.secret, request.headers.get(SECRET_HEADER, "")):
                return response.text("", status=HTTPStatus.FORBIDDEN)
            message = incoming(read_json(request.body) or {})
            if message and not await self.take([message]):
                return response.text("", status=HTTPStatus.SERVICE_UNAVAILABLE)
            return response.text("")  # what we do not read is not to be sent again

    async def command(self, contact: Contact, row: Waiting, text: Text) -> bool:
        """Telegram itself sends /start when somebody opens the chat."""
        if text.split("@")[0].split(" ")[0] not in ("/start", "/help"):
            return False
        key = f"telegram.{row.digest[:32]}.start"
        await self.reader.say(contact, key, self.words_at(contact.line).welcome, "start")
        return True

    async def show_typing(self, contact: Contact) -> None:
        """The three dots; they go with the next message, or after 5 seconds."""
        await self._call("sendChatAction", {"chat_id": int(contact.address), "action": "typing"})

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """Telegram's HTML; sources as links; quick replies as keys that type their own words."""
        pieces = cut(reply.text, LONGEST_TEXT)
        marked = [html.escape(piece, quote=False) for piece in pieces]
        if reply.staff:
            marked[0] = f"<b>{html.escape(reply.staff, quote=False)} (clinic)</b>\n{marked[0]}"
        elif reply.is_card:
            first, _, rest = marked[0].partition("\n")
            marked[0] = f"<b>{first}</b>\n{rest}" if rest else f"<b>{first}</b>"
        if reply.sources:
            links = "\n".join(_link(source) for source in reply.sources)
            if len(pieces[-1]) + len(links) > LONGEST_TEXT:
                marked.append(links)
            else:
                marked[-1] += f"\n{links}"
        keys: Any = {"remove_keyboard": True}
        if reply.choices:
            keys = {
                "keyboard": [[{"text": choice}] for choice in reply.choices],
                "one_time_keyboard": True,
                "resize_keyboard": True,
            }
        contents: List[Any] = [
            {"text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
            for text in marked
        ]
        contents[-1]["reply_markup"] = keys
        return Rendered(contents)

    async def deliver(self, contact: Contact, content: Mapping[Text, Any], id: int) -> Text:
        """One message through the Bot API."""
        result = await self._call("sendMessage", {"chat_id": int(contact.address), **content})
        return str(part(result, "result").get("message_id") or "")

    async def _call(self, method: Text, content: Mapping[Text, Any]) -> Mapping[Text, Any]:
        url = f"{self.bot.api_url}/bot{self.bot.bot_token}/{method}"
        answer = await post(self._http, "Telegram", url, json=dict(content))
        said = body(answer)
        if answer.is_success and said.get("ok") is True:
            return said
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise TryAgain("Telegram does not accept our bot's token.")
        about = str(said.get("description") or "").lower()
        known = next((words for key, words in REASONS.items() if key in about), None)
        raise Undeliverable(known or f"Telegram refused it (status {answer.status_code}).")


def _link(source: Mapping[Text, Any]) -> Text:
    title = html.escape(
        str(source.get("title") or source.get("publisher") or "Source"), quote=False
    )
    return f'<a href="{html.escape(str(source["url"]))}">{title}</a>'


def incoming(update: Mapping[Text, Any]) -> Optional[Incoming]:
    """A message from an update, or None when there is nothing to read.

    A message that was edited is read as a new one: "I took 2" may have become "I took 20".
    """
    message = part(update, "message") or part(update, "edited_message")
    chat, sender = part(message, "chat"), part(message, "from")
    if chat.get("type") != "private" or sender.get("is_bot") or type(chat.get("id")) is not int:
        return None
    text = str(message.get("text") or message.get("caption") or "").strip()
    other = next((kind for field, kind in KINDS.items() if message.get(field)), None)
    id, address = f"{update.get('update_id')}", str(chat["id"])
    if text:
        return Incoming(id, "telegram", address, text, also=other)
    return Incoming(id, "telegram", address, kind=other or "unknown")
