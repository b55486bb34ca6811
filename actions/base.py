"""What every action shares: one database, one set of numbers, and a failure that is said."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.engine import Engine

from medassist.cases.clinics import Clinics
from medassist.cases.hours import Clinic, words_about_staff
from medassist.logging_setup import in_conversation
from medassist.medicines.answers import Answers
from medassist.settings import Settings, load_settings
from medassist.storage.database import open_database
from medassist.storage.tables import now

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""Actions that may run at the same time, in threads of their own: those that hang on a silent
database must not keep Rasa's from looking up the front door's name."""

SECONDS = 5.0
"""How long an action may take before the person gets an honest word instead."""


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="action")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this installation, read at first use."""
    return load_settings()


@lru_cache(maxsize=1)
def database() -> Engine:
    """The database, opened at first use."""
    return open_database(settings().database_url)


@lru_cache(maxsize=1)
def conversations() -> Engine:
    """The database in which Rasa keeps the conversations, opened at first use."""
    return open_database(settings().tracker_database_url)


@lru_cache(maxsize=1)
def clinics() -> Clinics:
    """The clinics of this installation."""
    return Clinics(settings())


def clinic_of(tracker: Tracker) -> Clinic:
    """The clinic that this conversation is with; the connector has put it into each message."""
    return clinics().in_metadata(tracker.latest_message.get("metadata"))


def numbers(tracker: Tracker) -> Mapping[str, str]:
    """The phone numbers of the clinic's region, by their placeholders."""
    return clinics().numbers(clinic_of(tracker))


def emergency_number(tracker: Tracker) -> str:
    """How the emergency number of the clinic's region is said ("911")."""
    return numbers(tracker)["emergency_number"]


def answers() -> Answers:
    """The vetted answers that may be said."""
    return Answers(database(), approved_only=settings().require_approval)


def clinic_words(tracker: Tracker) -> str:
    """Whether the clinic's staff are there now, or when they are back, in plain words."""
    return words_about_staff(clinic_of(tracker), now())


class GuardedAction(Action):
    """An action that never ends in silence and never logs what a person wrote.

    The work runs in a thread, so that a slow database holds up this conversation only.
    An action that fails or takes too long says the fixed words of `failure_response`.
    """

    failure_response = "utter_cannot_look_up"

    @abstractmethod
    def name(self) -> str:
        """The action's name in `domain.yml`."""

    @abstractmethod
    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        """Say what there is to say and return the events."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[EventType]:
        """Rasa's door to `reply`."""
        own = CollectingDispatcher()
        loop = asyncio.get_running_loop()
        try:
            events = await asyncio.wait_for(
                loop.run_in_executor(_threads(), self.reply, own, tracker), SECONDS
            )
        except Exception as error:  # an SDK traceback would carry the person's words
            with in_conversation(tracker.sender_id):
                logger.error("%s failed: %s", self.name(), type(error).__name__)
            dispatcher.utter_message(response=self.failure_response)
            return []
        dispatcher.messages.extend(own.messages)
        return events


def latest_text(tracker: Tracker) -> str:
    """The words of the latest message."""
    return tracker.latest_message.get("text") or ""


def latest_message_id(tracker: Tracker) -> str:
    """The name of the latest message, the same when its turn is run again after a crash."""
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            return str(event.get("message_id") or "")
    return ""


def as_of(tracker: Tracker, event: Mapping[str, Any]) -> Tracker:
    """The conversation as if this earlier message were the latest one; slots as they are now."""
    return Tracker(
        tracker.sender_id,
        tracker.slots,
        {
            **(event.get("parse_data") or {}),
            "text": event.get("text"),
            "metadata": tracker.latest_message.get("metadata"),
        },
        tracker.events,
        tracker.is_paused(),
        tracker.followup_action,
        tracker.active_loop,
        tracker.latest_action_name,
    )


def asked_before(tracker: Tracker, intent: str) -> str:
    """The words of the last message that had this intent."""
    for event in reversed(tracker.events):
        parsed = event.get("parse_data") or {}
        if event.get("event") == "user" and (parsed.get("intent") or {}).get("name") == intent:
            return event.get("text") or ""
    return ""


def message_in_doubt(tracker: Tracker) -> tuple[str, str]:
    """The last message that led to the safety question: as it was classified, and its words."""
    for event in reversed(tracker.events):
        triage = (event.get("parse_data") or {}).get("triage") or {}
        if event.get("event") == "user" and triage.get("doubt"):
            return triage["classified"]["name"] or "", event.get("text") or ""
    return "", ""


def entities(tracker: Tracker, kind: str) -> list[dict[str, Any]]:
    """The latest message's entities of one kind."""
    return [e for e in tracker.latest_message.get("entities", []) if e.get("entity") == kind]


def intent_of(tracker: Tracker) -> str:
    """The latest message's intent."""
    return (tracker.latest_message.get("intent") or {}).get("name") or ""


def level_of(tracker: Tracker) -> str:
    """Triage's level of the latest message."""
    return tracker.get_slot("level") or "routine"


def is_carried(tracker: Tracker) -> bool:
    """Whether the level stands from an earlier message only."""
    return bool((tracker.latest_message.get("triage") or {}).get("carried"))


def known_situations(tracker: Tracker) -> list[str]:
    """The situations known of the person."""
    return tracker.get_slot("situations") or []


def say_buttons(
    dispatcher: CollectingDispatcher,
    text: str,
    choices: list[str],
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Send text with quick replies; each sends its own title as if it had been typed."""
    dispatcher.utter_message(
        text=text,
        buttons=[{"title": choice, "payload": choice} for choice in choices] or None,
        json_message=dict(payload) if payload else None,
    )
