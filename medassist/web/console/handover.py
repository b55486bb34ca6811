"""Staff talk with a patient in place of the robot: stepping in, writing, handing back.

Two places know of it: Rasa (the slot that keeps the robot quiet, and what was said) and our own
record. Rasa goes first wherever the patient would notice, and what is said goes out under an id
made beforehand, so that a step that may or may not have worked can be looked up, or done again
without being done twice.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from medassist.cases import handovers
from medassist.cases.cases import Case, CaseError, find_case, record_reply
from medassist.staff.sessions import Staff
from medassist.web.console.conversation import read_conversation
from medassist.web.console.forms import text_of
from medassist.web.console.shell import Console, StaffRoute, wants_page
from medassist.web.rasa_server import MaybeTakenError, UnreachableError

CANNOT_WRITE = ("desk", "rest", "cmdline", "terminal", "unknown")
"""Channels in which nothing can be sent to the patient unasked."""

LARGEST_NUMBER = 2**31 - 1
"""The largest number of a case that every database can look up."""

NOT_REACHED = "Rasa cannot be reached, so nothing was changed: the robot goes on as before."
NOT_SENT = "Rasa cannot be reached, so this was not sent. Your text is still in the box."
PERHAPS = (
    "Rasa did not confirm it. Look at the chat in a moment, then try again; nothing is sent twice."
)


class NotDoneError(HTTPException):
    """A step that Rasa did not take; one plain line."""

    def __init__(self, said: str) -> None:
        super().__init__(503, said)


def can_write(case: Case) -> bool:
    """Whether staff can write to this patient from here."""
    return case.channel not in CANNOT_WRITE


def slot(held: bool) -> dict[str, Any]:
    """The event that keeps the robot quiet, or lets it answer again."""
    return {"event": "slot", "name": "handover", "value": held}


def words(text: str, name: str, identity: str, status: str | None = None) -> dict[str, Any]:
    """The event of something said to the patient by, or about, somebody of the staff."""
    custom: dict[str, Any] = {"staff": {"name": name, "id": identity}}
    if status:
        custom["handover"] = status
    return {"event": "bot", "text": text, "data": {"custom": custom}}


def reply_id(form_id: str, text: str) -> str:
    """The id of a reply: the same for the same text of the same form, another once it is edited."""
    return str(uuid.uuid5(uuid.UUID(form_id), text))


def is_form_id(text: str) -> bool:
    """Whether `text` is an id as our pages make them."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def the_case(console: Console, request: Request) -> Case:
    """The case in the request's address. Raises HTTPException 404 when there is none."""
    number = int(request.path_params["case_id"])
    try:
        if number > LARGEST_NUMBER:
            raise CaseError(f"There is no case {number}.")
        return find_case(console.engine, number)
    except CaseError as error:
        raise HTTPException(404, str(error)) from None


class Handover:
    """The steps, and the routes that ask for them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._engine = console.engine
        self._rasa = console.rasa
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # ── steps ──

    async def step_in(self, case: Case, staff: Staff) -> None:
        """Take the conversation: the robot keeps quiet, and the patient is told who is there.

        Our record comes first, because it refuses when somebody else has the case. Raises
        NotDoneError when Rasa did not take it, and then nothing has changed.
        """
        before = await run_in_threadpool(handovers.current, self._engine, case.conversation)
        begun = await run_in_threadpool(handovers.begin, self._engine, case.id, staff.name)
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"handover {begun.id} {begun.began_at}"))
        emergency = self._console.region_of(case).emergency.say
        said = (
            f"{staff.shown_as} from the clinic is here and reads what you write. "
            f"The robot keeps quiet now. If someone is in danger, call {emergency} now."
        )
        try:
            await self._append(
                case, words(said, staff.shown_as, identity, "began"), identity, held=True
            )
        except MaybeTakenError:
            raise NotDoneError(PERHAPS) from None
        except UnreachableError:
            if before is None or before.id != begun.id:
                await run_in_threadpool(handovers.end, self._engine, case.conversation, "staff")
            raise NotDoneError(NOT_REACHED) from None

    async def send(self, case: Case, staff: Staff, text: str, identity: str) -> None:
        """Send something to the patient, once, however often this is asked for.

        Staff step in first if they have not. Raises CaseError or NotDoneError.
        """
        if not text:
            raise CaseError("There is nothing to send: the box is empty.")
        if not can_write(case):
            raise CaseError("Nobody can write to this patient from here. Please phone them.")
        if case.status != "open":
            raise CaseError("This case is closed. Reopen it first.")
        if not await self._holds(case, staff):
            await self.step_in(case, staff)
        try:
            await self._append(case, words(text, staff.shown_as, identity), identity)
        except MaybeTakenError:
            raise NotDoneError(PERHAPS) from None
        except UnreachableError:
            raise NotDoneError(NOT_SENT) from None
        await run_in_threadpool(self._record, case, staff, text, identity)

    async def hand_back(self, case: Case, staff: Staff) -> None:
        """Let the robot answer again, and tell the patient. Raises NotDoneError."""
        current = await run_in_threadpool(handovers.current, self._engine, case.conversation)
        name = staff.shown_as
        began = f"{current.id} {current.began_at}" if current else str(uuid.uuid4())
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"handed back {began}"))
        emergency = self._console.region_of(case).emergency.say
        said = (
            f"{name} has left the chat. The robot is back and answers you again. "
            f"If someone is in danger, call {emergency} now."
        )
        try:
            await self._append(case, words(said, name, identity, "ended"), identity, held=False)
        except MaybeTakenError:
            raise NotDoneError(PERHAPS) from None
        except UnreachableError:
            raise NotDoneError(
                "Rasa cannot be reached, so the chat was not handed back: "
                "the robot still keeps quiet. Try again soon."
            ) from None
        await run_in_threadpool(handovers.end, self._engine, case.conversation, "staff")

    async def _holds(self, case: Case, staff: Staff) -> bool:
        """Whether they have stepped in, in our record and in Rasa."""
        current = await run_in_threadpool(handovers.current, self._engine, case.conversation)
        if current is None or current.staff != staff.name:
            return False
        try:
            tracker = await self._rasa.tracker(case.conversation)
        except UnreachableError:
            raise NotDoneError(NOT_SENT) from None
        return read_conversation(tracker).held

    async def _append(
        self, case: Case, said: dict[str, Any], identity: str, held: bool | None = None
    ) -> None:
        """Say this in the conversation, unless it was said before; `held` sets the robot's quiet.

        Raises UnreachableError when Rasa has not taken it, MaybeTakenError when that cannot be
        known.
        """
        lock = self._locks.setdefault(case.conversation, asyncio.Lock())
        async with lock:
            known, quiet = await self._look_up(case, identity)
            events = [] if held is None or (known and quiet == held) else [slot(held)]
            events += [] if known else [said]
            if not events:
                return
            try:
                await self._rasa.append_events(case.conversation, events)
            except MaybeTakenError as error:
                with suppress(UnreachableError):
                    known, quiet = await self._look_up(case, identity)
                    if known and held in (None, quiet):
                        return
                raise error

    async def _look_up(self, case: Case, identity: str) -> tuple[bool, bool]:
        """Whether something was said under this id, and whether the robot is quiet."""
        conversation = read_conversation(await self._rasa.tracker(case.conversation))
        return any(line.id == identity for line in conversation.lines), conversation.held

    def _record(self, case: Case, staff: Staff, text: str, identity: str) -> None:
        """Write a reply into the case's history, once."""
        record_reply(self._engine, case.id, staff.name, text, identity)
        handovers.touch(self._engine, case.conversation)

    # ── routes ──

    def _case(self, request: Request) -> Case:
        return the_case(self._console, request)

    def _back(self, case: Case, flash: str = "") -> Response:
        return self._console.redirect(f"/staff/cases/{case.id}", flash)

    async def begin(self, request: Request, staff: Staff) -> Response:
        """Step in."""
        case = await run_in_threadpool(self._case, request)
        if not can_write(case):
            raise CaseError("Nobody can write to this patient from here. Please phone them.")
        await self.step_in(case, staff)
        return self._back(case, "You are in the chat. The robot keeps quiet, the patient is told.")

    async def end(self, request: Request, staff: Staff) -> Response:
        """Hand back to the robot."""
        case = await run_in_threadpool(self._case, request)
        current = await run_in_threadpool(handovers.current, self._engine, case.conversation)
        if current and staff.name not in (current.staff, case.holder):
            raise CaseError(f"{current.staff} is talking with this patient. Take the case over.")
        await self.hand_back(case, staff)
        return self._back(case, "Handed back. The robot answers again, and the patient is told.")

    async def reply(self, request: Request, staff: Staff) -> Response:
        """Send a reply; the page keeps its text until it is known to have gone out."""
        case = await run_in_threadpool(self._case, request)
        form_id = text_of(request, "id")
        if not is_form_id(form_id):
            raise HTTPException(400, "This form is not whole. Load the page again.")
        text = text_of(request, "text")
        identity = reply_id(form_id, text)
        await self.send(case, staff, text, identity)
        if wants_page(request):
            return self._back(case, "Sent to the patient.")
        return JSONResponse({"sent": identity, "next": str(uuid.uuid4())})


def disagreement(recorded: handovers.Handover | None, held: bool | None) -> str:
    """What must be said when our record and Rasa do not agree; empty when they do."""
    if held is None:
        return "Rasa cannot be reached, so nobody can tell now whether the robot is quiet."
    if recorded and not held:
        return (
            f"On record {recorded.staff} is talking with this patient, "
            "but the robot still answers. Step in again, or hand back."
        )
    if held and not recorded:
        return (
            "The robot keeps quiet, but nobody is talking with this patient. Step in, or hand back."
        )
    return ""


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these steps."""
    steps = Handover(console)
    base = "/staff/cases/{case_id:int}"
    post = ["POST"]
    return [
        console.route(f"{base}/step-in", steps.begin, role="triage", methods=post, name="step_in"),
        console.route(
            f"{base}/hand-back", steps.end, role="triage", methods=post, name="hand_back"
        ),
        console.route(
            f"{base}/reply", steps.reply, role="triage", methods=post, name="reply_to_patient"
        ),
    ]
