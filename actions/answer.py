"""Answers a question about a medicine from its vetted text, or says that there is none."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import (
    GuardedAction,
    answers,
    asked_before,
    emergency_number,
    entities,
    intent_of,
    is_carried,
    known_situations,
    latest_text,
    level_of,
    numbers,
    say_buttons,
)
from actions.staff import STAFF_TOLD, alert_staff
from medassist.medicines.answers import VettedAnswer
from medassist.medicines.wording import (
    as_payload,
    as_text,
    question_about,
    related_questions,
)

PERSON = "Talk to a person"

_NOT_SAID = {
    None: "I have no vetted answer about {medicine}, so I won't guess. If I misread the name, "
    "please check its spelling.",
    "unapproved": "I have an answer about {medicine}, but no clinician of the clinic has approved "
    "it yet, so I may not give it.",
    "withdrawn": "The clinic has withdrawn my answer about {medicine}, so I may not give it.",
}
"""What is said for want of an answer, by why there is none."""


def say_answer(dispatcher: CollectingDispatcher, tracker: Tracker, answer: VettedAnswer) -> None:
    """Send one vetted answer with its sources and next questions.

    A name whose spelling was repaired is said first, so that the person can see what was
    understood before they read on.
    """
    text = as_text(answer, numbers(tracker), known_situations(tracker))
    if level_of(tracker) == "emergency":
        text = f"If you have not called {emergency_number(tracker)} yet, call now.\n{text}"
    for entity in entities(tracker, "medicine"):
        if entity["value"] == answer.medicine and not entity.get("exact", True):
            text = f"I read that as {entity['name']}.\n{text}"
            break
    say_buttons(
        dispatcher,
        text,
        related_questions(answer),
        as_payload(answer, level_of(tracker)),
    )


def say_no_answer(
    dispatcher: CollectingDispatcher,
    tracker: Tracker,
    medicine: str,
    topic: str,
    said: str = "",
    withheld: str | None = None,
) -> None:
    """Say plainly that there is nothing vetted, where to ask, and keep the gap.

    `said` is how the words name what there is no answer about, if not just the medicine;
    `withheld` why an answer that a file holds may not be said (`Answers.why_withheld`).
    """
    answers().record_gap(tracker.sender_id, medicine, topic, latest_text(tracker))
    say_buttons(
        dispatcher,
        f"{_NOT_SAID[withheld].format(medicine=said or medicine)}\n"
        "Your pharmacist can answer this, and the leaflet in the pack may help. "
        f"If someone is in danger, call {emergency_number(tracker)} now.",
        [PERSON],
        {"topic": topic, "medicine": medicine, "answer_id": None, "level": level_of(tracker)},
    )


def answer_topic(
    dispatcher: CollectingDispatcher, tracker: Tracker, topic: str, question: str
) -> list[EventType]:
    """Answer one topic for the medicine this message or conversation is about."""
    mentioned = [e for e in entities(tracker, "medicine") if e.get("role") == "patient"]
    medicine = mentioned[0]["value"] if mentioned else tracker.get_slot("medicine")
    if not medicine:
        classes = entities(tracker, "class")
        if classes:
            say_no_answer(dispatcher, tracker, classes[0].get("name") or classes[0]["value"], topic)
            return [SlotSet("pending_topic", None), SlotSet("failed_tries", 0)]
        titles = sorted(answers().medicines().values())
        say_buttons(dispatcher, "Which medicine is your question about?", titles[:6])
        return [SlotSet("pending_topic", topic), SlotSet("failed_tries", 0)]
    events: list[EventType] = [SlotSet("pending_topic", None), SlotSet("failed_tries", 0)]
    if not answers().title_of(medicine):
        named = (mentioned[0].get("name") if mentioned else "") or medicine
        say_no_answer(dispatcher, tracker, named, topic)
        return events
    answer = answers().find(medicine, topic, question)
    if answer:
        say_answer(dispatcher, tracker, answer)
    else:
        withheld = answers().why_withheld(medicine, topic, question)
        on_topic = f"{medicine} on this topic"
        say_no_answer(dispatcher, tracker, medicine, topic, on_topic, withheld)
    return events


def answer_also_asked(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """Answer the other questions of a message that asks several (medassist/nlu/questions.py)."""
    medicine = tracker.get_slot("medicine")
    named = {entity["value"] for entity in entities(tracker, "medicine")}
    others = named - {medicine} or entities(tracker, "class") or entities(tracker, "substance")
    asked = tracker.latest_message.get("also_asked") or []
    if not medicine or others:
        if asked:  # which question is about which of them is not known
            dispatcher.utter_message(
                text="I think you asked more than one thing. Please ask the rest one by one, each "
                "with the name of the medicine."
            )
        return
    for intent in asked:
        topic = intent if intent.startswith("report_") else intent.removeprefix("ask_")
        answer = answers().find(medicine, topic, latest_text(tracker))
        if answer:
            say_answer(dispatcher, tracker, answer)


class ActionAnswer(GuardedAction):
    """Every `ask_…` intent ends here."""

    def name(self) -> str:
        return "action_answer"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        topic = intent_of(tracker).removeprefix("ask_")
        urgent = level_of(tracker) == "urgent" and not is_carried(tracker)
        if urgent:
            dispatcher.utter_message(
                text="Please call your pharmacist or prescriber today about this. Call "
                f"{emergency_number(tracker)} for trouble breathing, a seizure, fainting or "
                "bad confusion.",
                json_message={"level": "urgent"},
            )
        events = answer_topic(dispatcher, tracker, topic, latest_text(tracker))
        answer_also_asked(dispatcher, tracker)
        if urgent:
            alert_staff(tracker, "urgent", "side_effect")
            dispatcher.utter_message(text=f"{STAFF_TOLD} Still call today; don't wait for them.")
        return events


class ActionInform(GuardedAction):
    """Takes the detail that was asked for, or offers what can be asked about a medicine."""

    def name(self) -> str:
        return "action_inform"

    def reply(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        topic = tracker.get_slot("pending_topic")
        medicine = tracker.get_slot("medicine")
        if topic and medicine:
            return answer_topic(dispatcher, tracker, topic, asked_before(tracker, f"ask_{topic}"))
        if not medicine:
            say_buttons(
                dispatcher,
                "Thank you. What would you like to know, and about which medicine?",
                [PERSON],
            )
            return [SlotSet("failed_tries", 0)]
        title = answers().title_of(medicine)
        if title is None:
            say_no_answer(dispatcher, tracker, medicine, "about")
            return [SlotSet("failed_tries", 0)]
        say_buttons(
            dispatcher,
            f"What would you like to know about {title.lower()}?",
            [question_about(t, title) for t in ("uses", "dose", "side_effects", "missed_dose")],
        )
        return [SlotSet("failed_tries", 0)]
