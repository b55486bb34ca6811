"""What the messaging channels say themselves, in plain words, with the region's number."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_TEXT = 5_000
"""Characters of one message that are read."""

KINDS = {
    "picture": "open pictures",
    "sticker": "read stickers",
    "voice": "listen to voice messages",
    "video": "watch videos",
    "file": "open files",
    "location": "see where you are",
    "contact": "open contact cards",
    "empty": "find any words in your message",
    "unknown": "read this kind of message",
}
"""What a message can be that holds no words, and what we cannot do with it."""

SENT = {
    "picture": "a picture",
    "sticker": "a sticker",
    "voice": "a voice message",
    "video": "a video",
    "file": "a file",
    "location": "a location",
    "contact": "a contact card",
    "empty": "a message without words",
    "unknown": "a message of another kind",
}
"""What staff are told that a person sent; nothing of it is fetched or kept."""


@dataclass(frozen=True)
class Words:
    """`emergency` is how the emergency number is said ("911"); `clinic` its name, if it has one."""

    emergency: str
    clinic: str | None = None

    @property
    def danger(self) -> str:
        """The emergency line."""
        return f"If someone is in danger, call {self.emergency} now."

    def unreadable(self, kind: str, dangerous: bool) -> str:
        """The reply to a message without words; the emergency line first if danger is about."""
        said = f"I can't {KINDS.get(kind, KINDS['unknown'])}. Please type it in words."
        return f"{self.danger} {said}" if dangerous else said

    def not_passed_on(self, kind: str, dangerous: bool) -> str:
        """The reply to a message without words while staff hold the conversation."""
        said = (
            f"The clinic's staff see that you sent {SENT.get(kind, SENT['unknown'])}, but they "
            "can't open it here. Please tell them in words."
        )
        return f"{self.danger} {said}" if dangerous else said

    @property
    def too_fast(self) -> str:
        """Said once when somebody sends more than is read."""
        return (
            f"{self.danger} You are sending messages faster than I can read them, so I am not "
            "answering now. Please wait a minute, then write again."
        )

    def not_looked_at(self, kind: str) -> str:
        """The reply to what came along with words that were read."""
        return f"I read your words, but I can't {KINDS.get(kind, KINDS['unknown'])}."

    @property
    def too_long(self) -> str:
        """The message is over the limit."""
        return (
            f"{self.danger} Your message is too long: I can read up to {LONGEST_TEXT:,} "
            "characters at once. Please send it in parts."
        )

    @property
    def failed(self) -> str:
        """The turn broke, or nothing came of it."""
        return (
            "Something went wrong on our side, so I could not answer that. Please send it again. "
            f"{self.danger}"
        )

    @property
    def not_read(self) -> str:
        """The message could not be taken at all."""
        return (
            "I can't reach my answers right now, so your message was not read. Please send it "
            f"again in a few minutes. {self.danger}"
        )

    @property
    def help(self) -> str:
        """What the carriers want as the answer to HELP, with what a person in need must know."""
        who = f"{self.clinic}: I am" if self.clinic else "I am"
        return (
            f"{self.danger} {who} a robot for questions about medicines: text me one. "
            "Message rates may apply. Reply STOP to end."
        )

    @property
    def welcome(self) -> str:
        """The answer to START."""
        where = f" of {self.clinic}" if self.clinic else ""
        return (
            f"I am a robot{where} that answers questions about medicines. "
            f"What would you like to know? {self.danger}"
        )
