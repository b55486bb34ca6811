"""What the front door itself says, in plain words, with the region's emergency number."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_TEXT = 5_000
"""Characters of one message, as a person counts them."""


@dataclass(frozen=True)
class Words:
    """The front door's own words. `emergency` is how the emergency number is said ("911").

    `clinic` is the id of the clinic that they are said for.
    """

    emergency: str
    clinic: str

    @property
    def _danger(self) -> str:
        return f"If someone is in danger, call {self.emergency} now."

    @property
    def unreachable(self) -> str:
        """Rasa did not take the message."""
        return (
            "I can't reach my answers right now, so your message was not read. "
            f"Please send it again in a few minutes.\n{self._danger}"
        )

    @property
    def slow(self) -> str:
        """Rasa took the message, and no reply has come yet."""
        return (
            "This is taking longer than it should. I am still waiting for the answer.\n"
            f"{self._danger} Don't wait for me."
        )

    @property
    def failed(self) -> str:
        """The turn broke, or was lost."""
        return (
            "Something went wrong on our side, so I could not answer that. "
            "Please send it again, or ask your pharmacist or clinic.\n"
            f"{self._danger}"
        )

    @property
    def empty(self) -> str:
        """There is nothing to read in the message."""
        return f"Your message is empty. Please type your question. {self._danger}"

    @property
    def too_long(self) -> str:
        """The message is over the limit; its text stays with the person."""
        return (
            f"Your message is too long: I can read up to {LONGEST_TEXT:,} characters at once. "
            f"Please shorten it, or send it in parts. {self._danger}"
        )

    def too_fast(self, seconds: int) -> str:
        """Too many messages in a short time."""
        unit = "second" if seconds == 1 else "seconds"
        return (
            "You are sending messages faster than I can read them. "
            f"Please wait {seconds} {unit} and send it again. {self._danger}"
        )

    @property
    def no_history(self) -> str:
        """The earlier messages cannot be read."""
        return f"I can't load the earlier messages right now. {self._danger}"

    @property
    def too_busy(self) -> str:
        """More conversations than the front door can hold."""
        return f"Too many people are writing to me right now. Please try again soon. {self._danger}"

    @property
    def too_many_new(self) -> str:
        """Too many new conversations from one network address."""
        return (
            "Too many new chats were started from your network. Please try again in a few minutes, "
            f"or call your clinic. {self._danger}"
        )

    @property
    def too_many_from_here(self) -> str:
        """Too many messages from one network address."""
        return (
            "Too many messages came from your network in the last minute. Please wait a minute and "
            f"send it again. {self._danger}"
        )

    @property
    def no_such_answer(self) -> str:
        """A thumb for something that is not an answer of this conversation."""
        return "I can't find the answer that this is about."

    @property
    def thumb_not_kept(self) -> str:
        """A thumb could not be stored."""
        return "I can't save that right now. Please try again in a few minutes."
