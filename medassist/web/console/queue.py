"""The queue: what staff look at first. Open cases, most dangerous first, live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from medassist.cases.cases import OUTCOMES, Case, case_of
from medassist.cases.hours import Clinic
from medassist.cases.queue import QueueEntry, queue
from medassist.staff.sessions import Staff
from medassist.storage.tables import cases, now
from medassist.web.console.marks import WHO_WORDS, Piece
from medassist.web.console.shell import Console, StaffRoute
from medassist.web.console.watch import stream, watch_of

KIND_WORDS = {
    "emergency": "Emergency",
    "overdose": "Overdose",
    "withdrawal": "Stopped or missed doses",
    "self_harm": "Self-harm",
    "side_effect": "Side effect",
    "person": "Asks for a person",
    "note": "Note from the desk",
}
"""What a case is about, in words for staff."""

SITUATION_WORDS = {
    "pregnant": "pregnant",
    "breastfeeding": "breastfeeding",
    "kidney": "kidney disease",
    "older_adult": "older adult",
    "child": "child",
    "epilepsy": "epilepsy",
    "pump": "has a pump",
}

LONGEST_EXCERPT = 260
"""Characters of the words that raised a case, in the queue."""
CLOSED_SHOWN = 50


def kind_in_words(kind: str) -> str:
    """What a case is about, for people."""
    return KIND_WORDS.get(kind, kind.replace("_", " ").capitalize())


def excerpt(words: str, danger_words: Sequence[str]) -> list[Piece]:
    """The words around the first danger word, with all danger words in them marked."""
    text = " ".join(words.split())
    wanted = [" ".join(w.split()) for w in danger_words if w.strip()]
    found = [at for at in (text.lower().find(w.lower()) for w in wanted) if at >= 0]
    first = max(0, min(found, default=0) - LONGEST_EXCERPT // 3)
    if first:
        first = text.find(" ", first) + 1
    shown = text[first : first + LONGEST_EXCERPT]
    before = "… " if first else ""
    after = " …" if first + LONGEST_EXCERPT < len(text) else ""
    if not wanted:
        return [Piece(before + shown + after)]
    longest_first = sorted(wanted, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(w) for w in longest_first), re.IGNORECASE)
    pieces, end = [Piece(before)] if before else [], 0
    for match in pattern.finditer(shown):
        pieces += [Piece(shown[end : match.start()]), Piece(match[0], "danger")]
        end = match.end()
    return [piece for piece in (*pieces, Piece(shown[end:] + after)) if piece.text]


@dataclass(frozen=True)
class Row:
    """One case as the queue shows it."""

    entry: QueueEntry
    kind: str
    pieces: list[Piece]
    about: str

    @property
    def case(self) -> Case:
        """The case."""
        return self.entry.case

    @property
    def alarm(self) -> str:
        """What makes this row a new alarm for a page; empty when it is none."""
        if self.case.level != "emergency" or self.entry.acknowledged:
            return ""
        since = self.case.level_since.isoformat(timespec="seconds")
        return f"{self.case.id} {since}{' overdue' if self.entry.overdue else ''}"


def as_row(entry: QueueEntry) -> Row:
    """An entry in words."""
    about = [entry.medicine or "no medicine named"]
    about += [SITUATION_WORDS.get(s, s.replace("_", " ")) for s in entry.situations]
    if entry.person in WHO_WORDS and entry.person != "child":
        about.append(f"about {WHO_WORDS[entry.person]}")
    elif entry.person == "child" and "child" not in entry.situations:
        about.append("child")
    pieces = excerpt(entry.words, entry.danger_words) if entry.words else []
    return Row(entry, kind_in_words(entry.case.kind), pieces, " · ".join(about))


def rows_of(console: Console, clinic: Clinic | None = None) -> list[Row]:
    """The queue now, of one clinic or of all."""
    entries = queue(console.engine, console.settings.acknowledge_seconds)
    return [
        as_row(entry)
        for entry in entries
        if clinic is None or console.clinics.named(entry.case.clinic) == clinic
    ]


def alarms(rows: Sequence[Row], but: int | None = None) -> list[Row]:
    """The emergencies that nobody has seen, without the case that is being looked at."""
    return [row for row in rows if row.alarm and row.case.id != but]


class Queue:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def see(self, request: Request, staff: Staff) -> Response:
        """The open cases, of the clinic in `?clinic=` if there is such a one."""
        clinics = self._console.clinics
        chosen = clinics.find(request.query_params.get("clinic")) if clinics.several else None
        rows = rows_of(self._console, chosen)
        levels = [
            (level, [row for row in rows if row.case.level == level])
            for level in ("emergency", "urgent", "routine")
        ]
        return self._console.page(
            request, staff, "queue.html", now=now(), rows=rows, levels=levels,
            alarms=alarms(rows), clinics=clinics, chosen=chosen,
        )  # fmt: skip

    def closed(self, request: Request, staff: Staff) -> Response:
        """The cases that were closed last."""
        query = (
            select(cases)
            .where(cases.c.status != "open")
            .order_by(cases.c.closed_at.desc(), cases.c.id.desc())
            .limit(CLOSED_SHOWN)
        )
        with self._console.engine.connect() as connection:
            found = [case_of(row) for row in connection.execute(query)]
        rows = [
            (case, kind_in_words(case.kind), OUTCOMES.get(case.outcome or "", "")) for case in found
        ]
        return self._console.page(request, staff, "closed.html", rows=rows, most=CLOSED_SHOWN)

    async def events(self, _request: Request, _staff: Staff) -> Response:
        """Says when there is something new to see."""
        return await run_in_threadpool(stream, watch_of(self._console))


def routes(console: Console) -> list[StaffRoute]:
    """The routes of the queue."""
    pages = Queue(console)
    return [
        console.route("/staff", pages.see, role="viewer", name="see_queue"),
        console.route(
            "/staff/live", pages.see, role="viewer", name="see_queue_live",
            audited=False, keeps_awake=False,
        ),
        console.route(
            "/staff/events", pages.events, role="viewer", name="queue_events",
            audited=False, keeps_awake=False,
        ),
        console.route("/staff/closed", pages.closed, role="viewer", name="see_closed_cases"),
    ]  # fmt: skip
