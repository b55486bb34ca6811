"""WhatsApp over Twilio: formatting made harmless, numbers or buttons, sources as links."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional, Sequence, Text

from medassist.cases.contacts import Contact
from medassist.channels.choices import as_lines
from medassist.channels.messaging import Rendered, Reply
from medassist.channels.parts import cut
from medassist.channels.twilio_messages import TwilioInput

LONGEST_BODY = 1600
"""Characters of one message that Twilio takes."""

LONGEST_BUTTON = 20
LONGEST_ABOVE_BUTTONS = 1024
"""Characters of a button, and of the words above it (Twilio's page on twilio/quick-reply)."""

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
        """Numbers for choices; two short ones are buttons, if the clinic has made the template."""
        lines = [harmless(reply.signed_text)]
        lines += [f"{s.get('publisher') or s.get('title')}: {s['url']}" for s in reply.sources]
        words = "\n".join(lines)
        choices = [harmless(choice) for choice in reply.choices]
        if self._fit_buttons(words, choices):
            variables = dict(zip("123", [words, *choices]))
            template = {"sid": self.account.two_buttons, "variables": variables}
            plain = f"{words}\nPlease answer: {' / '.join(choices)}"
            return Rendered([{"body": plain, "template": template}])
        if choices:
            words = "\n".join([words, *as_lines(choices)])
        return Rendered([{"body": text} for text in cut(words, LONGEST_BODY)], reply.choices)

    def _fit_buttons(self, words: Text, choices: Sequence[Text]) -> bool:
        return (
            self.account.two_buttons is not None
            and len(choices) == 2
            and all(len(choice) <= LONGEST_BUTTON for choice in choices)
            and len(words) <= LONGEST_ABOVE_BUTTONS
        )

    def invitation(self, contact: Contact) -> Optional[Dict[Text, Any]]:
        """The approved template that asks a person to write back, after the 24 hours."""
        if self.account.write_back is None or contact.opted_out_at:
            return None
        return {"template": {"sid": self.account.write_back, "variables": {}}}
