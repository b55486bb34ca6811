"""What patients ask: the figures of a period, and messages to label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sqlalchemy.engine import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.cases.cases import OUTCOMES
from medassist.medicines.answers import Answers
from medassist.staff import figures, heard, labels
from medassist.staff.figures import Period
from medassist.staff.sessions import Staff
from medassist.storage.database import open_database
from medassist.web.console.audit import day_of
from medassist.web.console.charts import SHADES, bar, columns
from medassist.web.console.csv_files import csv_response
from medassist.web.console.forms import text_of
from medassist.web.console.moments import as_utc
from medassist.web.console.shell import Console, StaffRoute

USUAL_DAYS = 30
MOST_DAYS = 366

Rows = Sequence[Sequence[object]]


def topic_in_words(intent: str) -> str:
    """What an intent is about, for people."""
    return intent.removeprefix("ask_").replace("_", " ") or "not read"


def outcome_in_words(outcome: str) -> str:
    """How a case ended, for people."""
    return OUTCOMES.get(outcome, outcome.replace("_", " "))


class Asked:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._conversations: Engine = open_database(console.settings.tracker_database_url)
        self._intents = labels.known_intents()
        console.closers.append(self._conversations.dispose)
        self.tables: dict[str, Callable[[Period], tuple[Sequence[str], Rows]]] = {
            "volumes": self._volumes,
            "topics": self._topics,
            "gaps": self._gaps,
            "unsure": self._unsure,
            "escalations": self._escalations,
            "thumbs": self._thumbs,
        }

    def _period(self, request: Request) -> Period:
        """The period that was asked for; by default the last 30 days.

        Raises HTTPException 400 when it cannot be.
        """
        today = datetime.now(self._console.zone).date()
        last = day_of(request.query_params.get("to", "")) or today
        first = day_of(request.query_params.get("from", ""))
        first = first or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise HTTPException(400, "The first day must not be after the last.")
        if (last - first).days >= MOST_DAYS:
            raise HTTPException(400, f"A period may have {MOST_DAYS} days at most.")
        return Period(first, last, self._console.zone)

    def page(self, request: Request, staff: Staff) -> Response:
        """All figures of the period."""
        period, engine = self._period(request), self._console.engine
        messages = heard.messages(self._conversations, period.since, period.until)
        volumes = figures.volumes(messages, period)
        topics = figures.topics(messages)
        busiest = max(volumes.days, key=lambda day: sum(day[1]))
        return self._console.page(
            request,
            staff,
            "asked.html",
            period=period,
            query=urlencode({"from": period.first.isoformat(), "to": period.last.isoformat()}),
            volumes=volumes,
            capped=len(messages) >= heard.MOST_MESSAGES,
            most=heard.MOST_MESSAGES,
            busiest=busiest,
            chart=columns(
                [counts for _day, counts in volumes.days],
                f"Messages by day. The busiest day is {busiest[0]} with {sum(busiest[1])}.",
            ),
            shades=SHADES,
            topics=topics,
            most_topic=max((times for _topic, times in topics), default=0),
            fallback=figures.fallback_share(messages),
            gaps=figures.gaps(engine, period),
            medicines=Answers(engine).medicines(),
            unsure=self._unsure_messages(period),
            looked_at=heard.MOST_LOOKED_AT,
            intents=self._intents,
            labelled=len(labels.labelled(engine)),
            escalations=figures.escalations(engine, period),
            opinions=figures.opinions(engine, period),
            reasons=figures.reasons(engine, period),
            topic_in_words=topic_in_words,
            outcome_in_words=outcome_in_words,
            bar=bar,
        )

    def _unsure_messages(self, period: Period) -> list[heard.UnsureMessage]:
        return heard.unsure_messages(
            self._conversations,
            period.since,
            period.until,
            labels.labelled(self._console.engine),
        )

    def label(self, request: Request, staff: Staff) -> Response:
        """Keep what a message was about. Its words come from the store, never from the form."""
        intent = text_of(request, "intent", 50) or text_of(request, "other", 50)
        if intent not in self._intents:
            raise labels.LabelError("Please choose what the message is about.")
        event = text_of(request, "event", 18)
        message = heard.message_at(self._conversations, int(event)) if event.isdigit() else None
        if message is None:
            raise HTTPException(404, "That message is not there any more.")
        request.state.about = f"message {event}"
        labels.give_label(
            self._console.engine,
            conversation=message.conversation,
            message_id=message.message_id,
            text=message.text,
            intent=intent,
            account=staff.name,
        )
        asked = {name: text_of(request, name, 10) for name in ("from", "to")}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self._console.redirect(
            f"/staff/asked?{query}#unsure", f"Kept as: {topic_in_words(intent)}."
        )

    def examples(self, _request: Request, _staff: Staff) -> Response:
        """The labelled messages as training examples for review."""
        text = labels.as_training_examples(labels.all_labels(self._console.engine))
        return Response(
            text,
            media_type="application/yaml; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="labelled-messages.yml"'},
        )

    def table(self, request: Request, _staff: Staff) -> Response:
        """One table as CSV."""
        name = request.path_params["table"]
        if name not in self.tables:
            raise HTTPException(404, "There is no such table.")
        period = self._period(request)
        columns_, rows = self.tables[name](period)
        return csv_response(f"{name}-{period.first}-{period.last}", columns_, rows)

    def _heard(self, period: Period) -> list[heard.Message]:
        return heard.messages(self._conversations, period.since, period.until)

    def _volumes(self, period: Period) -> tuple[Sequence[str], Rows]:
        found = figures.volumes(self._heard(period), period)
        return ("day", *found.channels), [(day.isoformat(), *counts) for day, counts in found.days]

    def _topics(self, period: Period) -> tuple[Sequence[str], Rows]:
        messages = self._heard(period)
        missed = sum(message.intent == heard.FALLBACK for message in messages)
        return ("topic", "messages"), [*figures.topics(messages), ("not understood", missed)]

    def _gaps(self, period: Period) -> tuple[Sequence[str], Rows]:
        found = figures.gaps(self._console.engine, period)
        return ("medicine", "topic", "times"), [(g.medicine, g.topic, g.times) for g in found]

    def _unsure(self, period: Period) -> tuple[Sequence[str], Rows]:
        return ("at", "channel", "text", "likeliest", "confidence"), [
            (as_utc(m.at).isoformat(), m.channel, m.text, m.likeliest[0][0], m.likeliest[0][1])
            for m in self._unsure_messages(period)
        ]

    def _escalations(self, period: Period) -> tuple[Sequence[str], Rows]:
        outcomes = list(OUTCOMES)
        return (
            "level", "cases", "still open", "acknowledged", "median seconds to acknowledge",
            "slowest tenth seconds", *outcomes,
        ), [
            (
                e.level, e.cases, e.still_open, e.acknowledged, e.median_seconds,
                e.slowest_tenth_seconds, *(dict(e.outcomes).get(o, 0) for o in outcomes),
            )
            for e in figures.escalations(self._console.engine, period)
        ]  # fmt: skip

    def _thumbs(self, period: Period) -> tuple[Sequence[str], Rows]:
        found = figures.opinions(self._console.engine, period)
        return ("medicine", "answer", "up", "down"), [
            (o.medicine, o.answer_id, o.up, o.down) for o in found
        ]


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these pages."""
    pages = Asked(console)
    return [
        console.route("/staff/asked", pages.page, role="viewer", name="see_what_patients_ask"),
        console.route(
            "/staff/asked/label", pages.label, role="triage", methods=["POST"], name="label_message"
        ),
        console.route(
            "/staff/asked/labels.yml", pages.examples, role="triage", name="export_labels"
        ),
        console.route("/staff/asked/{table}.csv", pages.table, role="viewer", name="export_table"),
    ]
