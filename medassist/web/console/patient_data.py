"""All that is held of a patient, for an administrator: to hand out, or to delete for good."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from medassist.cases.cases import Case, open_cases
from medassist.cases.handovers import current
from medassist.privacy.erasure import StillWaitingError, erase, receipts
from medassist.privacy.export import as_json, held_of
from medassist.staff.sessions import Staff
from medassist.storage.database import open_database
from medassist.web.console.forms import text_of
from medassist.web.console.handover import the_case
from medassist.web.console.shell import Console, StaffRoute

NOT_SURE = "Nothing was deleted: please tick the box that says you are sure."
EMERGENCY = "Nothing was deleted: an emergency is still open. Close it first, or tick its box."
HELD = (
    "Nothing was deleted: staff are talking with this patient. End that first, or the robot would "
    "answer in their place."
)
WAITING = (
    "Nothing was deleted: a message still waits to be read or sent. "
    "Try again in a minute, or tick the box that drops it."
)


class PatientData:
    """The page, and what can be done on it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._engine = console.engine
        self._tracker = open_database(console.settings.tracker_database_url)
        console.closers.append(self._tracker.dispose)

    def _case(self, request: Request) -> Case:
        """The case; the audit log names its conversation, as for `medassist privacy`."""
        case = the_case(self._console, request)
        request.state.about = f"conversation {case.conversation}"
        return case

    def see(self, request: Request, staff: Staff) -> Response:
        """What would be deleted and what would stay, with the form."""
        return self._page(request, staff, self._case(request))

    def _page(self, request: Request, staff: Staff, case: Case, problem: str = "") -> Response:
        return self._console.page(
            request,
            staff,
            "patient_data.html",
            status_code=409 if problem else 200,
            case=case,
            receipts=[r for r in receipts(self._engine) if r.conversation == case.conversation],
            emergency=self._has_open_emergency(case),
            waiting=problem == WAITING,
            problem=problem,
        )

    def _has_open_emergency(self, case: Case) -> bool:
        return any(
            one.conversation == case.conversation and one.level == "emergency"
            for one in open_cases(self._engine)
        )

    def erase(self, request: Request, staff: Staff) -> Response:
        """Delete it all. Who acts on an open emergency would be left without its words."""
        case = self._case(request)
        if not text_of(request, "sure"):
            return self._page(request, staff, case, NOT_SURE)
        if self._has_open_emergency(case) and not text_of(request, "even_emergency"):
            return self._page(request, staff, case, EMERGENCY)
        if current(self._engine, case.conversation):
            return self._page(request, staff, case, HELD)
        even_waiting = bool(text_of(request, "even_waiting"))
        try:
            receipt = erase(
                self._engine, self._tracker, case.conversation,
                by=staff.name, even_waiting=even_waiting,
            )  # fmt: skip
        except StillWaitingError:  # its own words are for the command line
            return self._page(request, staff, case, WAITING)
        return self._console.redirect(
            f"/staff/cases/{case.id}/patient-data", f"Deleted. Receipt {receipt.number}."
        )

    def export(self, request: Request, _staff: Staff) -> Response:
        """All that is held, as a file."""
        case = self._case(request)
        return Response(
            as_json(held_of(self._engine, self._tracker, [case.conversation])),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="case-{case.id}.json"'},
        )


def routes(console: Console) -> list[StaffRoute]:
    """The routes of the page. Two bear the names that `medassist privacy` has in the audit log."""
    pages = PatientData(console)
    base = "/staff/cases/{case_id:int}/patient-data"
    return [
        console.route(base, pages.see, role="admin", name="see_patient_data"),
        console.route(base, pages.erase, role="admin", methods=["POST"], name="erase"),
        console.route(f"{base}.json", pages.export, role="admin", name="export"),
    ]
