"""What follows the fixed emergency words: staff are told, and reports get their vetted answer."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import PERSON, answer_also_asked, say_answer
from actions.base import (
    GuardedAction,
    answers,
    emergency_number,
    intent_of,
    latest_text,
    level_of,
    numbers,
    say_buttons,
)
from actions.staff import STAFF_TOLD, alert_staff


class ActionAlertStaff(GuardedAction):
    """Runs after an emergency card, or after the safety question."""

    failure_response = "utter_staff_not_alerted"

    def name(self) -> str:
        return "action_alert_staff"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        level = level_of(tracker)
        alert_staff(tracker, level, intent_of(tracker).removeprefix("report_"))
        if tracker.get_slot("handover") and level != "emergency":
            return [SlotSet("open_question", None)]  # staff are there, and ask for themselves
        if level == "emergency":
            say_buttons(
                dispatcher,
                f"{STAFF_TOLD} Don't wait for them: call now.",
                [PERSON],
                {"level": level},
            )
            return [SlotSet("failed_tries", 0), SlotSet("open_question", None)]
        return [SlotSet("failed_tries", 0), SlotSet("open_question", "safety")]


class ActionRespondToReport(GuardedAction):
    """Something happened that is not (yet) an emergency: who to call today, and why."""

    failure_response = "utter_staff_not_alerted"

    def name(self) -> str:
        return "action_respond_to_report"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        events = respond_to_report(dispatcher, tracker, intent_of(tracker), latest_text(tracker))
        answer_also_asked(dispatcher, tracker)
        return events


def respond_to_report(
    dispatcher: CollectingDispatcher, tracker: Tracker, report: str, words: str
) -> list[EventType]:
    """Answer a report (`report_…`) from vetted text if there is any; staff are told if urgent."""
    level = level_of(tracker)
    medicine = tracker.get_slot("medicine")
    answer = answers().find(medicine, report, words) if medicine else None
    if answer:
        say_answer(dispatcher, tracker, answer)
    else:
        say_buttons(dispatcher, _general(tracker, report), [PERSON], {"level": level})
    if level != "routine":
        alert_staff(tracker, level, report.removeprefix("report_"))
        dispatcher.utter_message(text=f"{STAFF_TOLD} Still call today; don't wait for them.")
    return [SlotSet("failed_tries", 0), SlotSet("pending_topic", None)]


def _general(tracker: Tracker, report: str) -> str:
    """What holds for any medicine, where there is no vetted answer for this one."""
    emergency = emergency_number(tracker)
    poison = numbers(tracker)["poison_line"]
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
