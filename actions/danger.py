"""What follows the fixed emergency words: staff are told, and reports get their vetted answer."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import PERSON, say_answer
from actions.base import (
    GuardedAction,
    answers,
    database,
    intent_of,
    latest_text,
    level_of,
    numbers,
    say_buttons,
)
from medassist.cases.cases import open_case

STAFF_TOLD = "I have put this on the list of the clinic's staff."


def alert_staff(tracker: Tracker, level: str, kind: str) -> None:
    """Open a case (or add to the open one) with what was written and why it was raised."""
    open_case(
        database(),
        conversation=tracker.sender_id,
        channel=tracker.get_latest_input_channel() or "unknown",
        level=level,
        kind=kind,
        detail={
            "words": latest_text(tracker),
            "medicine": tracker.get_slot("medicine"),
            "situations": tracker.get_slot("situations"),
            "assessment": tracker.latest_message.get("triage"),
        },
    )


class ActionAlertStaff(GuardedAction):
    """Runs after an emergency card, or after the safety question."""

    failure_response = "utter_staff_not_alerted"

    def name(self) -> str:
        return "action_alert_staff"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        level = level_of(tracker)
        alert_staff(tracker, level, intent_of(tracker).removeprefix("report_"))
        if level == "emergency":
            dispatcher.utter_message(
                text=f"{STAFF_TOLD} Don't wait for them: call now.",
                json_message={"level": level},
            )
            return [SlotSet("failed_tries", 0), SlotSet("open_question", None)]
        return [SlotSet("failed_tries", 0), SlotSet("open_question", "safety")]


class ActionRespondToReport(GuardedAction):
    """Something happened that is not (yet) an emergency: who to call today, and why."""

    failure_response = "utter_staff_not_alerted"

    def name(self) -> str:
        return "action_respond_to_report"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        report = intent_of(tracker)
        level = level_of(tracker)
        medicine = tracker.get_slot("medicine")
        answer = answers().find(medicine, report, latest_text(tracker)) if medicine else None
        if answer:
            say_answer(dispatcher, tracker, answer)
        else:
            say_buttons(dispatcher, self._general(report), [PERSON], {"level": level})
        if level != "routine":
            alert_staff(tracker, level, report.removeprefix("report_"))
            dispatcher.utter_message(text=f"{STAFF_TOLD} Still call today; don't wait for them.")
        return [SlotSet("failed_tries", 0), SlotSet("pending_topic", None)]

    @staticmethod
    def _general(report: str) -> str:
        """What holds for any medicine, where there is no vetted answer for this one."""
        emergency = numbers()["emergency_number"]
        poison = numbers()["poison_line"]
        if report == "report_overdose":
            return (
                f"Call {poison} now, even if the person feels well. Call {emergency} if they are "
                "hard to wake, have trouble breathing, have a seizure or are confused."
            )
        if report == "report_withdrawal":
            return (
                "Some medicines are dangerous to stop suddenly, so call the prescriber or a "
                "pharmacist today and ask what to do about the missed doses. "
                f"Call {emergency} for a seizure, seeing things, a high fever or bad confusion."
            )
        return (
            "I have no vetted answer about this, so please call your pharmacist or prescriber "
            f"today about the symptom. Call {emergency} for trouble breathing, a swollen face or "
            "throat, fainting, a seizure or bad confusion."
        )
