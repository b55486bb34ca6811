"""The conversation itself: choices in doubt, yes and no, a person, feedback, forgetting."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import PERSON, ActionAnswer, ActionInform, answer_topic
from actions.base import (
    GuardedAction,
    answers,
    as_of,
    clinic_words,
    conversations,
    database,
    emergency_number,
    intent_of,
    latest_text,
    level_of,
    message_in_doubt,
    say_buttons,
)
from actions.danger import respond_to_report
from actions.staff import alert_staff
from medassist.medicines.wording import TOPIC_QUESTIONS, question_about
from medassist.privacy.erasure import PERSON as BY_THE_PERSON
from medassist.privacy.erasure import erase

LIKELY = 0.12
"""A candidate below this confidence is not worth offering as a choice."""


LONG_MESSAGE = 600
"""Characters; a longer message that was not understood is asked for in shorter words."""


def _choices(tracker: Tracker) -> list[str]:
    """The two most likely questions behind a message that was not clear."""
    medicine = tracker.get_slot("medicine")
    title = answers().title_of(medicine) or medicine if medicine else None
    choices = []
    for candidate in tracker.latest_message.get("intent_ranking", []):
        topic = str(candidate.get("name")).removeprefix("ask_")
        if topic in TOPIC_QUESTIONS and candidate.get("confidence", 0) >= LIKELY:
            choices.append(question_about(topic, title))
    return choices[:2]


class ActionClarify(GuardedAction):
    """Not understood, or not about a medicine: choices first, then a person; never a loop."""

    def name(self) -> str:
        return "action_clarify"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        tries = int(tracker.get_slot("failed_tries") or 0) + 1
        emergency = f"If someone is in danger, call {emergency_number(tracker)} now."
        off_topic = intent_of(tracker) == "out_of_scope"
        choices = [] if off_topic else _choices(tracker)
        if tries >= 2:
            say_buttons(
                dispatcher,
                "I'm sorry, I still don't understand. Shall I ask a person from the clinic "
                f"to look at this? {emergency}",
                [PERSON, *choices[:1]],
            )
            return [SlotSet("failed_tries", min(tries, 10)), SlotSet("open_question", "person")]
        if len(latest_text(tracker)) > LONG_MESSAGE:
            say_buttons(
                dispatcher,
                "That was a long message, and I could not find the question in it. Please ask "
                f"again in one or two short sentences. {emergency}",
                [PERSON],
            )
        elif not any(c.isalnum() for c in latest_text(tracker)):
            dispatcher.utter_message(
                text="I can only read typed words, and I got none. Please type your question "
                f"about a medicine. {emergency}"
            )
        elif choices:
            say_buttons(dispatcher, "Did you mean one of these?", [*choices, PERSON])
        elif off_topic:
            say_buttons(
                dispatcher,
                "I can only help with questions about medicines. Ask me, for example, what a "
                f"medicine is for, how to take it, or its side effects. {emergency}",
                [PERSON],
            )
        else:
            say_buttons(
                dispatcher,
                "I'm not sure what you mean. Please say it in other words, with the name of "
                f"the medicine. {emergency}",
                [PERSON],
            )
        return [SlotSet("failed_tries", tries)]


class ActionYesNo(GuardedAction):
    """A yes or no to our last question; without one, it asks what is wanted."""

    def name(self) -> str:
        return "action_yes_no"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        question = tracker.get_slot("open_question")
        yes = intent_of(tracker) == "affirm"
        closed = SlotSet("open_question", None)
        if question == "person" and yes:
            return [closed, *ask_for_person(dispatcher, tracker)]
        if question == "forget" and yes:
            return [closed, *forget(dispatcher, tracker)]
        if question == "consent":
            return [closed, *consent(dispatcher, tracker, yes)]
        if question == "forget":
            dispatcher.utter_message(text="All right, I keep the chat as it is.")
        elif question == "safety":
            return [closed, *nobody_in_danger(dispatcher, tracker)]
        elif question == "person":
            dispatcher.utter_message(text="All right. Ask me anything else about your medicine.")
        else:
            say_buttons(
                dispatcher, "All right. What would you like to know about your medicine?", [PERSON]
            )
        return [closed]


class ActionAskConsent(GuardedAction):
    """The guard puts this before the first ordinary answer (medassist/dialogue/guard.py)."""

    def name(self) -> str:
        return "action_ask_consent"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        dispatcher.utter_message(response="utter_ask_consent")
        return [SlotSet("open_question", "consent")]


def consent(dispatcher: CollectingDispatcher, tracker: Tracker, yes: bool) -> list[EventType]:
    """After a yes, what was asked before it is answered; after a no, only danger is watched."""
    if not yes:
        dispatcher.utter_message(response="utter_no_consent")
        return [SlotSet("consent", False)]
    agreed = SlotSet("consent", True)
    asked = question_before_consent(tracker)
    if asked is None:
        dispatcher.utter_message(
            text="Thank you. What would you like to know, and about which medicine?"
        )
        return [agreed]
    earlier = as_of(tracker, asked)
    intent = intent_of(earlier)
    if intent.startswith("report_"):
        return [agreed, *respond_to_report(dispatcher, earlier, intent, latest_text(earlier))]
    action = ActionInform() if intent == "inform" else ActionAnswer()
    return [agreed, *action.reply(dispatcher, earlier)]


def question_before_consent(tracker: Tracker) -> dict[str, Any] | None:
    """The message that we asked for consent instead of answering."""
    asking = False
    for event in reversed(tracker.events):
        if event.get("event") == "action" and event.get("name") == "action_ask_consent":
            asking = True
        elif asking and event.get("event") == "user":
            return dict(event)
    return None


def nobody_in_danger(dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
    """After a no to the safety question, what was asked before it is answered."""
    calmed = f"Good. If that changes, call {emergency_number(tracker)} at once."
    asked, words = message_in_doubt(tracker)
    kind = (tracker.latest_message.get("triage") or {}).get("kind")
    if level_of(tracker) != "routine" and kind in ("overdose", "withdrawal", "side_effect"):
        asked = f"report_{kind}"  # what still stands is answered before anything else
    if asked.startswith("ask_") and asked not in ("ask_bot", "ask_human"):
        dispatcher.utter_message(text=calmed)
        return answer_topic(dispatcher, tracker, asked.removeprefix("ask_"), words)
    if asked in ("report_side_effect", "report_withdrawal", "report_overdose"):
        dispatcher.utter_message(text=calmed)
        return respond_to_report(dispatcher, tracker, asked, words)
    dispatcher.utter_message(text=f"{calmed} What is it that you want to know?")
    return []


def ask_for_person(dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
    """Put the conversation on the staff's list, and promise no more than that."""
    alert_staff(tracker, "routine", "person")
    dispatcher.utter_message(
        text=" ".join(
            filter(
                None,
                ("I have put this chat on the list of the clinic's staff.", clinic_words(tracker)),
            )
        )
        + " I can't say when they will look at it. If it can't wait, call the clinic or a "
        "pharmacist. "
        f"If someone is in danger, call {emergency_number(tracker)} now.",
        json_message={"level": "routine", "staff": "requested"},
    )
    return [SlotSet("failed_tries", 0)]


class ActionAskHuman(GuardedAction):
    """The person wants a person."""

    failure_response = "utter_staff_not_alerted"

    def name(self) -> str:
        return "action_ask_human"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        return ask_for_person(dispatcher, tracker)


class ActionFeedback(GuardedAction):
    """Praise or complaint: thanked, and a way on is offered."""

    def name(self) -> str:
        return "action_feedback"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        say_buttons(
            dispatcher,
            "Thank you for telling me. If my answer did not help, say it in other words, or ask "
            "for a person.",
            [PERSON],
        )
        return [SlotSet("failed_tries", 0)]


class ActionForgetMe(GuardedAction):
    """Asks once before it deletes."""

    def name(self) -> str:
        return "action_forget_me"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        if tracker.get_slot("open_question") == "forget":
            return [SlotSet("open_question", None), *forget(dispatcher, tracker)]
        dispatcher.utter_message(response="utter_ask_forget")
        return [SlotSet("open_question", "forget")]


def forget(dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
    """Erase the conversation; this turn, which only Rasa's memory holds, is then not stored.

    A case keeps the fact that it existed (level, time), not what was written.
    """
    receipt = erase(
        database(), conversations(), tracker.sender_id, by=BY_THE_PERSON, in_own_turn=True
    )
    dispatcher.utter_message(
        text="Done. I have deleted this chat. You can start a new one any time. "
        f"The number of this deletion is {receipt.number}.",
        json_message={"erased": True, "receipt": receipt.number},
    )
    return [SlotSet("erase_conversation", True)]
