"""Text messages over Twilio: plain words in few parts, numbered choices, carriers' rules."""

from __future__ import annotations

import re
from typing import List, Optional, Text

from medassist.cases.contacts import Contact, opt_in, opt_out
from medassist.cases.undelivered import tell_case
from medassist.channels.choices import ASKED, as_lines
from medassist.channels.gsm import plainly
from medassist.channels.messaging import Rendered, Reply
from medassist.channels.parts import numbered, text_messages
from medassist.channels.queues import Waiting
from medassist.channels.twilio_messages import TwilioInput

STOP = frozenset("stop stopall unsubscribe cancel end quit optout revoke".split())
START = frozenset("start unstop yes".split())
HELP = frozenset("help info".split())
"""Words that carriers and Twilio take as commands when they are the whole message."""

_SOURCES = re.compile(r"Sources(?: \(checked [^)]*\))?: .*?(Review: .*)?$")
"""An answer's last line; "Sources differ: …" is a statement and stays."""


def keyword(text: Text, told: Optional[Text] = None) -> Text:
    """STOP, START or HELP when the whole message is such a word, else nothing.

    `told` is what Twilio itself took it for (its Advanced Opt-Out knows words of the clinic).
    """
    if told in ("STOP", "START", "HELP"):
        return told
    word = re.sub(r"[\W_]+", "", text).lower()
    for name, words in (("STOP", STOP), ("START", START), ("HELP", HELP)):
        if word in words:
            return name
    return ""


class SmsInput(TwilioInput):
    """The channel `sms`; Rasa chooses its fixed words by this name."""

    LINKS = True

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "sms"

    @property
    def numbers(self) -> tuple[Text, ...]:
        """Our numbers for text messages."""
        return self.account.sms_numbers

    def render(self, contact: Contact, reply: Reply) -> Rendered:
        """At most three parts; sources, and what has no room, are behind a link."""
        lines = [_without_publishers(line) for line in plainly(reply.signed_text).split("\n")]
        if not reply.sources:
            lines = plainly(reply.signed_text).split("\n")
        choices = as_lines([plainly(choice) for choice in reply.choices])
        extra = ["\n".join(choices)] if reply.choices else []  # in one part, all together
        texts = _texts([line for line in lines if line], extra, reply)
        shown = any(ASKED in text for text in texts)
        return Rendered([{"body": text} for text in texts], reply.choices if shown else [])

    async def command(self, contact: Contact, row: Waiting, text: Text) -> bool:
        """STOP, START and HELP. Twilio itself confirms a STOP, and lets us send no more."""
        said = keyword(text, row.content.get("opt_out"))
        key = f"sms.{row.digest[:32]}.{said.lower()}"
        words = self.words_at(contact.line)
        if said == "STOP":
            await self.in_database(opt_out, self.engine, contact.conversation)
            await self._tell_case(contact, "opted_out")
            return True
        if said == "START":
            if contact.opted_out_at:
                await self.in_database(opt_in, self.engine, contact.conversation)
                await self._tell_case(contact, "opted_in")
            if re.sub(r"\W", "", text).lower() == "yes":
                return False  # it may answer our question as well
            await self.reader.say(contact, key, words.welcome, "start")
            return True
        if said == "HELP":
            await self.reader.say(contact, key, words.help, "help")
            # Who asks for help in danger means help: Rasa, and staff who read along, get it too.
            held = await self.reader.is_held(contact)
            return not (held or await self.reader.looks_dangerous(contact))
        return False

    async def _tell_case(self, contact: Contact, event: Text) -> None:
        await self.in_database(tell_case, self.engine, contact.conversation, event, {})


def _without_publishers(line: Text) -> Text:
    """The line of sources shortened to its review; the sources are behind the link."""
    found = _SOURCES.match(line)
    return (found[1] or "") if found else line


def _texts(lines: List[Text], extra: List[Text], reply: Reply) -> List[Text]:
    if reply.sources:
        return text_messages(lines, extra, f"All of it, with sources: {reply.link}")
    whole = numbered([*lines, *extra])
    return whole or text_messages(lines, extra, f"All of it: {reply.link}")
