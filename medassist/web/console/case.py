"""One case: what was said, why it is dangerous, what is vetted, and what staff do about it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from medassist.cases import handovers
from medassist.cases.alerts import Delivery, deliveries
from medassist.cases.cases import (
    OUTCOMES,
    Case,
    acknowledge,
    add_note,
    claim,
    history,
    release,
    reopen,
    resolve,
    take_over,
)
from medassist.cases.contacts import barrier_to, find_contact
from medassist.medicines.answers import Answers
from medassist.medicines.files import Medicine
from medassist.staff.sessions import Staff
from medassist.storage.tables import now
from medassist.web.console.conversation import (
    PATIENT,
    ROBOT,
    Conversation,
    Said,
    assessment_of,
    from_case_events,
    read_conversation,
)
from medassist.web.console.facts import Fact, facts_about, medicine_file
from medassist.web.console.forms import text_of
from medassist.web.console.handover import Handover, can_write, disagreement, the_case
from medassist.web.console.history import HistoryLine, history_line
from medassist.web.console.marks import Piece, explained, marked, sign_names
from medassist.web.console.overdose_sheet import overdose_sheet
from medassist.web.console.queue import SITUATION_WORDS, Row, alarms, kind_in_words, rows_of
from medassist.web.console.shell import Console, StaffRoute
from medassist.web.console.watch import stream, watch_of
from medassist.web.rasa_server import UnreachableError

FIRST_TOPIC = {
    "overdose": "report_overdose",
    "withdrawal": "report_withdrawal",
    "side_effect": "report_side_effect",
}
"""The vetted answer that stands first beside a case of this kind."""

BY_PHONE = ("sms", "whatsapp")
"""Channels on which a person's address is a phone number that staff can call."""

LONG_REPLY = 140
"""Characters from which a reply of the robot is folded in the transcript."""


@dataclass(frozen=True)
class Line:
    """A line of the transcript, with its dangerous words marked and explained."""

    said: Said
    pieces: list[Piece]
    why: list[str]

    @property
    def head(self) -> str:
        """The first words of a long reply of the robot, which staff need not read whole."""
        first = self.said.text.strip().split("\n")[0]
        long = self.said.who == ROBOT and len(self.said.text) > LONG_REPLY
        return first[:LONG_REPLY] if long else ""

    @property
    def level(self) -> str:
        """The level of a patient's message; empty for any other line."""
        assessment = self.said.assessment
        return assessment.level.value if assessment else ""


@dataclass(frozen=True)
class CaseView:
    """Everything that the page of a case shows.

    `source` says where the transcript is from: "rasa", "case" (Rasa has nothing or cannot be
    reached), "desk" (a note that staff brought), "erased".
    """

    case: Case
    kind: str
    lines: list[Line]
    source: str
    reachable: bool
    rule: str
    why: list[str]
    raised: list[Piece]
    caller: str
    medicine_name: str
    medicine: Medicine | None
    situations: list[str]
    facts: list[Fact]
    history: list[HistoryLine]
    alerts: list[Delivery]
    handover: handovers.Handover | None
    held: bool | None
    disagreement: str
    can_write: bool
    barrier: str | None
    phone: str | None
    alarms: list[Row]
    overdue: bool
    next_id: str


class CasePages:
    """The pages, and what can be done with a case."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._engine = console.engine
        self._data = console.settings.data
        self._handover = Handover(console)
        self._answers = Answers(console.engine, approved_only=console.settings.require_approval)

    # ── what is shown ──

    async def see(self, request: Request, staff: Staff) -> Response:
        """The page of a case."""
        return await self._see(request, staff, whole=True)

    async def see_live(self, request: Request, staff: Staff) -> Response:
        """The same for a page that is open already: without the facts, which it has."""
        return await self._see(request, staff, whole=False)

    async def _see(self, request: Request, staff: Staff, *, whole: bool) -> Response:
        case = await run_in_threadpool(the_case, self._console, request)
        conversation, reachable = await self._conversation(case)
        return await run_in_threadpool(
            self._page, request, staff, case, conversation, reachable, whole
        )

    async def _conversation(self, case: Case) -> tuple[Conversation | None, bool]:
        """What Rasa has of the conversation (None: nothing), and whether it could be asked."""
        if case.channel == "desk":
            return None, True
        try:
            conversation = read_conversation(await self._console.rasa.tracker(case.conversation))
        except UnreachableError:
            return None, False
        return (conversation if conversation.patients_lines else None), True

    def _page(
        self,
        request: Request,
        staff: Staff,
        case: Case,
        conversation: Conversation | None,
        reachable: bool,
        whole: bool,
    ) -> Response:
        view = self.view(case, conversation, reachable, whole)
        return self._console.page(
            request,
            staff,
            "case.html",
            now=now(),
            view=view,
            case=case,
            outcomes=OUTCOMES,
            region=self._console.region_of(case),
        )

    def view(
        self, case: Case, conversation: Conversation | None, reachable: bool, whole: bool = True
    ) -> CaseView:
        """The case with everything around it; the facts only if `whole`."""
        events = history(self._engine, case.id)
        source, shown = _shown(case, events, conversation)
        names = sign_names(self._data / "safety")
        raising = _raising(events)
        assessment = assessment_of(raising.get("assessment"))
        medicine_name = str(_known(events, shown, "medicine") or "")
        handover = handovers.current(self._engine, case.conversation)
        contact = find_contact(self._engine, case.conversation)
        held = conversation.held if conversation else (False if reachable else None)
        rows = rows_of(self._console)
        first = FIRST_TOPIC.get(case.kind, "")
        return CaseView(
            case=case,
            kind=kind_in_words(case.kind),
            lines=[
                Line(said, marked(said.text, said.assessment, names), _why(said, names))
                for said in shown.lines
            ],
            source=source,
            reachable=reachable,
            rule=assessment.rule if assessment else "",
            why=explained(assessment, names) if assessment else [],
            raised=marked(str(raising.get("words") or ""), assessment, names),
            caller=str(_known(events, Conversation(()), "caller") or ""),
            medicine_name=medicine_name,
            medicine=medicine_file(self._data, medicine_name) if medicine_name else None,
            situations=[
                SITUATION_WORDS.get(s, s) for s in _known(events, shown, "situations") or ()
            ],
            facts=(
                facts_about(
                    self._answers,
                    medicine_name,
                    self._console.region_of(case).placeholders(),
                    first,
                )
                if medicine_name and whole
                else []
            ),
            history=[history_line(event) for event in reversed(events)],
            alerts=deliveries(self._engine, case.id),
            handover=handover,
            held=held,
            disagreement=(disagreement(handover, held) if case.channel != "desk" else ""),
            can_write=can_write(case) and source != "erased",
            barrier=barrier_to(contact, now()) if contact else None,
            phone=contact.address if contact and contact.channel in BY_PHONE else None,
            alarms=alarms(rows, but=case.id),
            overdue=any(row.entry.overdue for row in rows if row.case.id == case.id),
            next_id=str(uuid.uuid4()),
        )

    async def sheet(self, request: Request, staff: Staff) -> Response:
        """The overdose sheet, to read out or to print."""
        case = await run_in_threadpool(the_case, self._console, request)
        conversation, reachable = await self._conversation(case)

        def page() -> Response:
            events = history(self._engine, case.id)
            source, shown = _shown(case, events, conversation)
            name = str(_known(events, shown, "medicine") or "")
            lines = overdose_sheet(
                shown,
                medicine_file(self._data, name) if name else None,
                sign_names(self._data / "safety"),
            )
            return self._console.page(
                request, staff, "sheet.html", now=now(), case=case, lines=lines, source=source,
                reachable=reachable, region=self._console.region_of(case),
            )  # fmt: skip

        return await run_in_threadpool(page)

    async def events(self, request: Request, _staff: Staff) -> Response:
        """Says when there is something new to see."""
        case = await run_in_threadpool(the_case, self._console, request)
        watch = await run_in_threadpool(watch_of, self._console)
        return stream(watch, case.conversation)

    # ── what is done ──

    def _back(self, case: Case, flash: str = "") -> Response:
        return self._console.redirect(f"/staff/cases/{case.id}", flash)

    def acknowledge(self, request: Request, staff: Staff) -> Response:
        """Somebody has seen it."""
        case = the_case(self._console, request)
        acknowledge(self._engine, case.id, staff.name)
        return self._back(case, "Noted that you have seen it. Nobody has the case yet.")

    def claim(self, request: Request, staff: Staff) -> Response:
        """Somebody is on it."""
        case = the_case(self._console, request)
        claim(self._engine, case.id, staff.name)
        return self._back(case, "The case is yours.")

    def take_over(self, request: Request, staff: Staff) -> Response:
        """From whoever has it."""
        case = the_case(self._console, request)
        take_over(self._engine, case.id, staff.name)
        return self._back(case, f"You took the case over from {case.holder}.")

    def release(self, request: Request, staff: Staff) -> Response:
        """Let others have it."""
        case = the_case(self._console, request)
        release(self._engine, case.id, staff.name)
        return self._back(case, "The case is free again.")

    def note(self, request: Request, staff: Staff) -> Response:
        """A note for the staff; the patient never sees it."""
        case = the_case(self._console, request)
        add_note(self._engine, case.id, staff.name, text_of(request, "text"))
        return self._back(case, "The note is in the history.")

    async def resolve(self, request: Request, staff: Staff) -> Response:
        """Close the case; a chat that staff hold goes back to the robot first."""
        case = await run_in_threadpool(the_case, self._console, request)
        outcome, note = text_of(request, "outcome"), text_of(request, "note")
        current = await run_in_threadpool(handovers.current, self._engine, case.conversation)
        if outcome in OUTCOMES and current and current.staff == staff.name:
            await self._handover.hand_back(case, staff)
        await run_in_threadpool(resolve, self._engine, case.id, staff.name, outcome, note)
        return self._console.redirect("/staff", f"Case {case.id} is closed: {OUTCOMES[outcome]}.")

    def reopen(self, request: Request, staff: Staff) -> Response:
        """A closed case was not over."""
        case = the_case(self._console, request)
        reopen(self._engine, case.id, staff.name)
        return self._back(case, "The case is open again, and yours.")


def _why(said: Said, names: Mapping[str, str]) -> list[str]:
    if said.who != PATIENT or said.assessment is None:
        return []
    lines = explained(said.assessment, names)
    return [said.assessment.rule, *lines] if lines else []


def _raising(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The detail of what gave the case its present level."""
    found: Mapping[str, Any] = {}
    for event in events:
        if event["event"] in ("opened", "raised"):
            found = event["detail"] or {}
    return found


def _known(events: Sequence[Mapping[str, Any]], shown: Conversation, key: str) -> Any:
    """What the conversation knows now, or else what the case was last told."""
    if shown.slots.get(key):
        return shown.slots[key]
    told = [e["detail"][key] for e in events if (e["detail"] or {}).get(key)]
    return told[-1] if told else None


def _shown(
    case: Case, events: Sequence[Mapping[str, Any]], conversation: Conversation | None
) -> tuple[str, Conversation]:
    """The transcript to show, and where it is from."""
    if conversation is not None:
        return "rasa", conversation
    kept = from_case_events(events)
    if any((event["detail"] or {}).get("erased") for event in events):
        return "erased", kept
    return ("desk" if case.channel == "desk" else "case"), kept


def routes(console: Console) -> list[StaffRoute]:
    """The routes of a case."""
    pages = CasePages(console)
    base = "/staff/cases/{case_id:int}"

    def post(path: str, endpoint: Any, name: str) -> StaffRoute:
        return console.route(f"{base}/{path}", endpoint, role="triage", methods=["POST"], name=name)

    return [
        console.route(base, pages.see, role="viewer", name="see_case"),
        console.route(
            f"{base}/live", pages.see_live, role="viewer", name="see_case_live",
            audited=False, keeps_awake=False,
        ),
        console.route(
            f"{base}/events", pages.events, role="viewer", name="case_events",
            audited=False, keeps_awake=False,
        ),
        console.route(f"{base}/sheet", pages.sheet, role="viewer", name="see_overdose_sheet"),
        post("acknowledge", pages.acknowledge, "acknowledge_case"),
        post("claim", pages.claim, "claim_case"),
        post("take-over", pages.take_over, "take_over_case"),
        post("release", pages.release, "release_case"),
        post("note", pages.note, "note_on_case"),
        post("resolve", pages.resolve, "resolve_case"),
        post("reopen", pages.reopen, "reopen_case"),
    ]  # fmt: skip
