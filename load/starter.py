"""A Locust file: the same people with the bot of `rasa init`, over its REST channel."""

from __future__ import annotations

import random
import uuid

import gevent
from locust import FastHttpUser, task

from load.steps import GIVE_UP, Steps, Wait
from load.words import already_thinking, conversation, read_phrases, think
from medassist.settings import ROOT

__all__ = ["Steps", "Visitor"]
PHRASES = read_phrases(ROOT / "data")


class Visitor(FastHttpUser):
    """One person after the other. The reply comes as the response."""

    network_timeout = GIVE_UP

    def on_start(self) -> None:
        """Come in the middle of the crowd's pace."""
        self.chance = random.Random()
        gevent.sleep(already_thinking(self.chance))

    @task
    def converse(self) -> None:
        """One conversation."""
        sender = uuid.uuid4().hex
        for text in conversation(PHRASES, self.chance):
            wait = Wait()
            answer = self.client.post(
                "/webhooks/rest/webhook",
                json={"sender": sender, "message": text},
                name="/webhooks/rest/webhook",
            )
            good = answer.status_code == 200  # an empty list too: its stories know no answer
            wait.ends(None if good else RuntimeError(f"no reply: {answer.status_code}"))
            gevent.sleep(think(self.chance))
