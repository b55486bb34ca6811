"""Puts replies into the outbox, as the channel's provider wants them."""

from __future__ import annotations

import base64
import hashlib
import logging
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Text

from rasa.core.channels.channel import OutputChannel

from medassist.cases.contacts import Contact, barrier_to, find_contact, forget_contact_when_told
from medassist.cases.undelivered import tell_case
from medassist.channels.choices import offered
from medassist.channels.queues import Outbox, forget_words
from medassist.storage.tables import now

if TYPE_CHECKING:
    from medassist.channels.messaging import MessagingInput

logger = logging.getLogger(__name__)

REPLY_KEYS = ("text", "buttons", "custom")
"""What of a reply leaves Rasa; its metadata and model id stay inside."""


@dataclass(frozen=True)
class Reply:
    """A reply to render. `staff` is who of the clinic wrote it; `link` is where all of it is."""

    text: Text
    choices: List[Text]
    custom: Mapping[Text, Any]
    staff: Optional[Text] = None
    link: Optional[Text] = None

    @property
    def is_card(self) -> bool:
        """Whether it says whom to call in an emergency."""
        return bool(self.custom.get("card")) and self.custom.get("level") == "emergency"

    @property
    def sources(self) -> List[Mapping[Text, Any]]:
        """Where the facts come from: title, publisher, url."""
        return [s for s in self.custom.get("sources") or [] if s.get("url")]

    @property
    def signed_text(self) -> Text:
        """The words, with who wrote them where the channel does not show it."""
        return f"{self.staff} (clinic): {self.text}" if self.staff else self.text


@dataclass(frozen=True)
class Rendered:
    """A reply as calls of the provider's API.

    `choices` are what a number in the next message stands for: only those that were shown with
    their numbers. Where they are buttons, "2" may well be how many were taken.
    """

    contents: List[Dict[Text, Any]]
    choices: List[Text] = field(default_factory=list)


class NotQueuedError(Exception):
    """A reply could not be kept for sending."""


class Speaker:
    """Renders a reply and queues it, once."""

    def __init__(self, channel: "MessagingInput", outbox: Outbox) -> None:
        self._channel, self._outbox = channel, outbox

    async def say(
        self, conversation: Text, message: Mapping[Text, Any], key: Text, answering: bool
    ) -> None:
        """Queue one reply. `key` tells it from every other; `answering` a message just read."""
        try:
            await self._channel.in_database(self._say, conversation, message, key, answering)
        except Exception as error:  # a database's error would show the words in the log
            raise NotQueuedError(type(error).__name__) from None
        self._channel.running.outbox.ring()

    def _say(
        self, conversation: Text, message: Mapping[Text, Any], key: Text, answering: bool
    ) -> None:
        engine = self._outbox.engine
        contact = find_contact(engine, conversation)
        if contact is None:
            logger.error("A message for %s has no address.", self._channel.name())
            return
        custom = message.get("custom") or {}
        if custom.get("erased"):
            forget_words(engine, conversation)
            forget_contact_when_told(engine, conversation)
        text = str(message.get("text") or "").strip()
        if not text:
            return
        reply = Reply(text, offered(message.get("buttons")), custom, staff=_writer(custom))
        token = _token(conversation, key, text)
        if self._channel.LINKS:
            link = f"{self._channel.settings.link_url}/read/{token}"
            reply = Reply(text, reply.choices, custom, reply.staff, link)
        rendered = self._channel.render(contact, reply)
        contents = [{**c, "staff": reply.staff} if reply.staff else c for c in rendered.contents]
        linked = reply.link and any(reply.link in str(c) for c in contents)
        full = {"text": reply.signed_text, "choices": reply.choices, "sources": reply.sources}
        refused = barrier_to(contact, now())
        if refused and answering and reply.is_card:
            refused = None  # they wrote to us, and it may save a life; the carrier decides
        self._outbox.put(
            conversation,
            key,
            contents,
            rendered.choices,
            (token, full) if linked else None,
            refused,
        )
        if refused:
            if reply.staff and self._invite(contact):
                refused += " They have been asked to write back."
            detail = {"reason": refused, **({"text": text} if reply.staff else {})}
            tell_case(engine, conversation, "undelivered", detail)

    def _invite(self, contact: Contact) -> bool:
        """Ask the person to write back, once for each time that they fell silent."""
        invitation = self._channel.invitation(contact)
        if invitation is None or contact.heard_at is None:
            return False
        key = f"invited.{contact.conversation}.{int(contact.heard_at.timestamp())}"
        self._outbox.put(contact.conversation, key, [invitation])
        return True


def _writer(custom: Mapping[Text, Any]) -> Optional[Text]:
    """Who of the clinic wrote a reply. The line that somebody came or went names them itself."""
    staff = custom.get("staff")
    if not isinstance(staff, Mapping) or custom.get("handover"):
        return None
    return str(staff.get("name") or "") or "Staff"


def _token(conversation: Text, key: Text, text: Text) -> Text:
    """A name for the whole reply that only who has it can know: the conversation's is random."""
    digest = hashlib.sha256(f"{conversation}\n{key}\n{text}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:12]).decode()


class MessagingOutput(OutputChannel):
    """Takes the replies of one turn, or a message that answers nothing."""

    def __init__(self, name: Text, speaker: Speaker, answering: Optional[Text] = None) -> None:
        self._name, self._speaker, self._answering = name, speaker, answering
        self._count = 0

    def name(self) -> Text:
        """The channel's name, by which Rasa chooses its fixed words."""
        return self._name

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        """Queue one reply; the tracker keeps it too."""
        reply = {k: message[k] for k in REPLY_KEYS if message.get(k)}
        if not reply:
            return
        if self._answering:
            key = f"{self._answering}.{self._count}"
            self._count += 1
        else:
            key = f"pushed.{_pushed_id(reply.get('custom'))}"
        await self._speaker.say(recipient_id, reply, key, bool(self._answering))


def _pushed_id(custom: object) -> Text:
    """The id of a message that staff or the alert worker appended: what comes twice is one."""
    if isinstance(custom, Mapping):
        staff = custom.get("staff")
        found = staff.get("id") if isinstance(staff, Mapping) else custom.get("id")
        if found:
            return str(found)[:64]
    return uuid.uuid4().hex
