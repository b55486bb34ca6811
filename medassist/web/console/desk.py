"""The triage desk: a phone note or an e-mail is read as a patient's message would be.

Nothing of it is stored until somebody opens a case from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.cases.cases import RANK, claim, open_case
from medassist.cases.hours import Clinic
from medassist.medicines.answers import Answers, VettedAnswer
from medassist.medicines.files import Medicine
from medassist.staff.sessions import Staff
from medassist.storage.tables import now
from medassist.triage.findings import Assessment
from medassist.web.console.conversation import PATIENT, Conversation, Said, assessment_of
from medassist.web.console.facts import Fact, as_fact, medicine_file
from medassist.web.console.forms import text_of
from medassist.web.console.marks import Piece, explained, marked, medicines_named, sign_names
from medassist.web.console.overdose_sheet import SheetLine, overdose_sheet
from medassist.web.console.queue import SITUATION_WORDS, kind_in_words
from medassist.web.console.shell import Console, StaffRoute
from medassist.web.rasa_server import UnreachableError

LONGEST_NOTE = 5_000
"""Characters of a pasted note: as many as a patient's message may have."""

NOT_READ = (
    "Rasa cannot be reached, so the note was not read. It is still in the box. "
    "Judge it yourself for now, and try again soon."
)


@dataclass(frozen=True)
class Reading:
    """What was made of a note."""

    text: str
    assessment: Assessment
    pieces: list[Piece]
    why: list[str]
    kind: str
    medicine_name: str
    medicine: Medicine | None
    situations: list[str]
    facts: list[Fact]
    sheet: list[SheetLine]
    levels: list[str]

    @property
    def is_overdose(self) -> bool:
        """Whether the overdose sheet is of use."""
        return self.assessment.kind == "overdose" or any(
            a.kind == "event" and a.verdict != "ordinary" for a in self.assessment.amounts
        )


def _values(parsed: Mapping[str, Any], kind: str) -> list[str]:
    found = [str(e["value"]) for e in parsed.get("entities") or () if e.get("entity") == kind]
    return list(dict.fromkeys(found))


def _value(parsed: Mapping[str, Any], kind: str, role: str = "") -> str | None:
    for entity in parsed.get("entities") or []:
        if entity.get("entity") == kind and (not role or entity.get("role") == role):
            return str(entity["value"])
    return None


class Desk:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._data = console.settings.data

    def see(self, request: Request, staff: Staff) -> Response:
        """An empty desk."""
        return self._page(request, staff)

    def _page(
        self, request: Request, staff: Staff, text: str = "", reading: Reading | None = None,
        problem: str = "", status_code: int = 200, clinic: Clinic | None = None,
    ) -> Response:  # fmt: skip
        clinics = self._console.clinics
        chosen = clinic or clinics.default
        return self._console.page(
            request, staff, "desk.html", status_code=status_code, text=text, reading=reading,
            problem=problem, longest=LONGEST_NOTE, region=clinics.region(chosen), clinics=clinics,
            chosen=chosen,
        )  # fmt: skip

    def _clinic(self, request: Request) -> Clinic:
        """The clinic that the note is for."""
        return self._console.clinics.named(text_of(request, "clinic", 30))

    async def read(self, request: Request, staff: Staff) -> Response:
        """Read a note and show what is in it."""
        text = text_of(request, "text", 8 * LONGEST_NOTE)
        problem, clinic = _problem(text), self._clinic(request)
        page = partial(self._page, request, staff, text, clinic=clinic)
        if problem:
            return await run_in_threadpool(page, None, problem, 400)
        try:
            parsed = await self._console.rasa.parse(text)
        except UnreachableError:
            return await run_in_threadpool(page, None, NOT_READ, 503)
        return await run_in_threadpool(lambda: page(self.reading(text, parsed, clinic)))

    def reading(self, text: str, parsed: Mapping[str, Any], clinic: Clinic) -> Reading:
        """What the model understood, in words, with the vetted answers that fit."""
        assessment = _assessment(parsed)
        entities = tuple(parsed.get("entities") or ())
        names = sign_names(self._data / "safety")
        named = medicines_named(entities, "patient")
        medicine_name = named[0] if named else ""
        medicine = medicine_file(self._data, medicine_name) if medicine_name else None
        slots = {"medicine": medicine_name}
        said = Said(PATIENT, "Note", text, now(), assessment=assessment, entities=entities)
        found = dict.fromkeys(str(e["value"]) for e in entities if e.get("entity") == "situation")
        least = assessment.level.value
        return Reading(
            text=text,
            assessment=assessment,
            pieces=marked(text, assessment, names),
            why=explained(assessment, names),
            kind=kind_in_words(assessment.kind) if assessment.kind else "",
            medicine_name=medicine_name,
            medicine=medicine,
            situations=[SITUATION_WORDS.get(s, s) for s in found],
            facts=self._answers(
                text, parsed, medicine_name, assessment, self._console.clinics.numbers(clinic)
            ),
            sheet=overdose_sheet(Conversation((said,), slots), medicine, names),
            levels=[level for level in RANK if RANK[level] >= RANK[least]],
        )

    def _answers(
        self,
        text: str,
        parsed: Mapping[str, Any],
        medicine: str,
        assessment: Assessment,
        numbers: Mapping[str, str],
    ) -> list[Fact]:
        """The vetted answers to what the note asks or reports, never another medicine's."""
        if not medicine:
            return []
        intents = [(parsed.get("intent") or {}).get("name") or ""]
        intents.append(((parsed.get("triage") or {}).get("classified") or {}).get("name") or "")
        intents += [str(i.get("name") if isinstance(i, Mapping) else i)
                    for i in parsed.get("also_asked") or ()]  # fmt: skip
        if assessment.facts.states:  # it was stopped or missed, whatever else is graver
            intents.insert(0, "report_withdrawal")
        if assessment.kind:
            intents.insert(0, f"report_{assessment.kind}")
        answers = Answers(
            self._console.engine, approved_only=self._console.settings.require_approval
        )
        found: dict[str, VettedAnswer] = {}
        for intent in dict.fromkeys(intents):
            answer = answers.find(medicine, intent.removeprefix("ask_"), text)
            if answer:
                found.setdefault(answer.answer_id, answer)
        return [as_fact(answer, numbers) for answer in found.values()]

    async def open(self, request: Request, staff: Staff) -> Response:
        """Open a case from a note; it is read once more, so that the level is the note's own."""
        text = text_of(request, "text", 8 * LONGEST_NOTE)
        caller, wanted = text_of(request, "caller", 300), text_of(request, "level")
        problem = _problem(text)
        if problem:
            raise HTTPException(400, problem)
        try:
            parsed = await self._console.rasa.parse(text)
        except UnreachableError:
            return await run_in_threadpool(self._page, request, staff, text, None, NOT_READ, 503)
        clinic = self._clinic(request).id
        case_id = await run_in_threadpool(self._open, staff, text, caller, wanted, parsed, clinic)
        return self._console.redirect(
            f"/staff/cases/{case_id}", f"Case {case_id} is open, and yours."
        )

    def _open(
        self,
        staff: Staff,
        text: str,
        caller: str,
        wanted: str,
        parsed: Mapping[str, Any],
        clinic: str,
    ) -> int:
        """The case; its level is what was wanted, but never below what triage found."""
        assessment = _assessment(parsed)
        level = assessment.level.value
        if RANK.get(wanted, -1) > RANK[level]:
            level = wanted
        case_id = open_case(
            self._console.engine,
            conversation=f"desk-{uuid.uuid4()}",
            channel="desk",
            level=level,
            kind=assessment.kind or "note",
            clinic=clinic,
            detail={
                "words": text,
                "caller": caller,
                "by": staff.name,
                "medicine": _value(parsed, "medicine", "patient"),
                "situations": [
                    e["value"]
                    for e in parsed.get("entities") or ()
                    if e.get("entity") == "situation"
                ],
                "other_medicine": _value(parsed, "medicine", "other")
                or _value(parsed, "substance"),
                "person": _value(parsed, "person"),
                "amount": _value(parsed, "amount"),
                "time": _value(parsed, "time"),
                "entities": list(parsed.get("entities") or ()),
                "assessment": dict(parsed["triage"]),
            },
        )
        claim(self._console.engine, case_id, staff.name)
        return case_id


def _problem(text: str) -> str:
    if not text:
        return "There is nothing to read: paste the note first."
    if len(text) > LONGEST_NOTE:
        return (
            f"The note is too long: {len(text):,} characters, and I read up to {LONGEST_NOTE:,}. "
            "Please leave out what does not matter."
        )
    return ""


def _assessment(parsed: Mapping[str, Any]) -> Assessment:
    assessment = assessment_of(parsed.get("triage"))
    if assessment is None:
        raise HTTPException(503, NOT_READ)
    return assessment


def routes(console: Console) -> list[StaffRoute]:
    """The routes of the desk."""
    pages = Desk(console)
    return [
        console.route("/staff/desk", pages.see, role="triage", name="see_desk"),
        console.route("/staff/desk", pages.read, role="triage", methods=["POST"], name="read_note"),
        console.route(
            "/staff/desk/case", pages.open, role="triage", methods=["POST"], name="open_case"
        ),
    ]
