"""Words an answer for a person, and packs it for a program."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from medassist.medicines.answers import VettedAnswer
from medassist.medicines.files import Source, Statement

TOPIC_QUESTIONS = {
    "about": "What is {medicine}?",
    "uses": "What is {medicine} used for?",
    "how_it_works": "How does {medicine} work?",
    "how_to_take": "How do I take {medicine}?",
    "dose": "How much {medicine} is usual?",
    "missed_dose": "I missed a dose of {medicine}",
    "onset_duration": "How long does {medicine} take to work?",
    "side_effects": "What are the side effects of {medicine}?",
    "overdose": "What happens with too much {medicine}?",
    "stopping": "How do I stop {medicine} safely?",
    "interactions": "What should not be mixed with {medicine}?",
    "alcohol": "Can I drink alcohol with {medicine}?",
    "pregnancy": "Is {medicine} safe in pregnancy?",
    "conditions": "Who should not take {medicine}?",
    "age": "Can children or older adults take {medicine}?",
    "driving": "Can I drive on {medicine}?",
    "long_term": "Is {medicine} safe to take for years?",
    "monitoring": "Do I need check-ups on {medicine}?",
    "pump": "How does a {medicine} pump work?",
    "product": "What forms and strengths does {medicine} come in?",
    "storage": "How do I store {medicine}?",
    "comparison": "What is an alternative to {medicine}?",
    "evidence": "Is there proof that {medicine} works?",
}
"""The question behind each topic, in a person's words: titles of buttons, and what they send."""

REVIEW_WORDS = {
    "draft": "draft, not yet checked against its sources",
    "source-checked": "checked against its sources; not approved by a clinician",
    "clinician-approved": "approved by a clinician",
}


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _sources_line(sources: Mapping[str, Source]) -> str:
    """Publishers in alphabetical order, each with the date it was last checked."""
    newest: dict[str, date] = {}
    for source in sources.values():
        newest[source.publisher] = max(source.checked, newest.get(source.publisher, source.checked))
    days = set(newest.values())
    if len(days) == 1:
        return f"Sources (checked {_day(days.pop())}): {'; '.join(sorted(newest))}."
    parts = (f"{publisher} (checked {_day(day)})" for publisher, day in sorted(newest.items()))
    return f"Sources: {'; '.join(parts)}."


def _fill(text: str, numbers: Mapping[str, str]) -> str:
    for key, value in numbers.items():
        text = text.replace("{" + key + "}", value)
    return text


def fitting_situations(answer: VettedAnswer, known: Collection[str]) -> list[Statement]:
    """What this answer says for the person's situations, each once, in the file's order."""
    return [s for s in answer.answer.situations if s.situation.value in known]


def as_text(
    answer: VettedAnswer, numbers: Mapping[str, str], situations: Collection[str] = ()
) -> str:
    """The whole answer as plain text that stands alone.

    `numbers` fills the places for phone numbers (`emergency_number`, `poison_line`);
    `situations` are the values of `Situation` known of the person: theirs comes first.
    """
    content = answer.answer
    lines = [s.text for s in fitting_situations(answer, situations)]
    lines.append(content.statement.text)
    lines += [f"• {point.text}" for point in content.points]
    if content.get_help:
        lines.append(f"When to get help: {content.get_help.text}")
    lines.append(
        f"{_sources_line(answer.sources)} Review: {REVIEW_WORDS.get(answer.review, answer.review)}."
    )
    return _fill("\n".join(lines), numbers)


def as_payload(answer: VettedAnswer, level: str) -> dict[str, Any]:
    """The `custom` payload that goes with the text to every channel."""
    return {
        "topic": answer.topic,
        "medicine": answer.medicine,
        "answer_id": answer.answer_id,
        "version": answer.version,
        "review": answer.review,
        "sources": [
            {
                "title": source.title,
                "publisher": source.publisher,
                "url": source.url,
                "checked": source.checked.isoformat(),
            }
            for source in answer.sources.values()
        ],
        "level": level,
    }


def question_about(topic: str, title: str | None) -> str:
    """The question behind a topic, about the medicine with this title (or "this medicine")."""
    return TOPIC_QUESTIONS[topic].format(medicine=title.lower() if title else "this medicine")


def related_questions(answer: VettedAnswer) -> list[str]:
    """Up to three next questions, worded to be sent as they are."""
    topics = [t for t in answer.answer.related if t in TOPIC_QUESTIONS and t != answer.topic]
    return [question_about(topic, answer.title) for topic in topics[:3]]
