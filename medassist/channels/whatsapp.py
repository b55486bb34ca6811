"""WhatsApp over Twilio: formatting made harmless, numbered choices, sources as links."""

from __future__ import annotations

import re
from typing import Text

from medassist.cases.contacts import Contact
from medassist.channels.choices import as_lines
from medassist.channels.messaging import Rendered, Reply
from medassist.channels.parts import cut
from medassist.channels.twilio_messages import TwilioInput

LONGEST_BODY = 1600
"""Characters of one message that Twilio takes."""

_MARKS = str.maketrans({"*": "∗", "~": "∼", "`": "'"})
_ADDRESS = re.compile(r"(https?://\S+)")
_UNDERLINED = re.compile(r"(?<!\w)_|_(?!\w)")


def harmless(text: Text) -> Text:
    """The text with WhatsApp's marks of bold, italic, struck and code replaced by look-alikes.

    WhatsApp has no way to escape them. Addresses of pages are left as they are.
    """
    pieces = _ADDRESS.split(text)
    pieces[::2] = [_UNDERLINED.sub("ˍ", piece.translate(_MARKS)) for piece in pieces[::2]]
    return "".join(pieces)


class WhatsAppInput(TwilioInput):
    """The channel `whatsapp`."""

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "whatsapp"

    @property
    def numbers(self) -> tuple[Text, ...]:
        """Our numbers on WhatsApp."""
        return self.account.whatsapp_numbers

    @staticmethod
    def address_of(field: Text) -> Text:
        """The phone number in `whatsapp:+15550100123`."""
        return field.removeprefix("whatsapp:")

    @staticmethod
    def field_of(address: Text) -> Text:
        """A phone number as Twilio names it on WhatsApp."""
        return f"whatsapp:{address}"

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """WhatsApp's buttons take 20 characters, too few for our questions: numbers do."""
        lines = [harmless(reply.signed_text)]
        lines += [f"{s.get('publisher') or s.get('title')}: {s['url']}" for s in reply.sources]
        if reply.choices:
            lines += as_lines([harmless(choice) for choice in reply.choices])
        texts = cut("\n".join(lines), LONGEST_BODY)
        return Rendered([{"body": text} for text in texts], reply.choices)
