"""The vetted answers: their text, sources, versions and review; a clinician decides on them."""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from medassist.medicines import reviews
from medassist.medicines.answers import Answers
from medassist.medicines.reviews import APPROVED, RETURNED, WITHDRAWN
from medassist.medicines.versions import (
    NOT_DECIDED,
    Version,
    as_lines,
    newest_versions,
    versions_of,
)
from medassist.medicines.wording import REVIEW_WORDS, question_about
from medassist.staff.sessions import Staff
from medassist.web.console.differences import side_by_side
from medassist.web.console.forms import text_of
from medassist.web.console.shell import Console, StaffRoute

STATES = (NOT_DECIDED, APPROVED, RETURNED, WITHDRAWN)

BADGES = {NOT_DECIDED: "warn", APPROVED: "good", RETURNED: "warn", WITHDRAWN: "off"}

DONE = {
    APPROVED: "Approved. The bot says so from now on.",
    RETURNED: "Returned with your reason.",
    WITHDRAWN: "Withdrawn. The bot no longer says it.",
}


def question_of(version: Version) -> str:
    """The question that an answer is to, in a person's words."""
    topic = version.answer.topic
    if topic.startswith("report_"):
        question = f"After a report: {topic.removeprefix('report_').replace('_', ' ')}"
    else:
        question = question_about(topic, version.title)
    part = version.answer.subtopic
    return f"{question} ({part.replace('_', ' ')})" if part else question


def address_of_answer(version: Version) -> str:
    """The answer's page."""
    return f"/staff/answers/{quote(version.medicine)}/{quote(version.answer_id)}"


class AnswerPages:
    """The pages."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._numbers = console.clinics.numbers(console.clinics.default)

    def overview(self, request: Request, staff: Staff) -> Response:
        """Every answer that a file holds."""
        every = newest_versions(self._console.engine)
        state = request.query_params.get("state", "")
        words = request.query_params.get("words", "").strip()[:200]
        shown = [
            version
            for version in every
            if (not state or version.state == state)
            and words.lower() in " ".join([version.answer_id, *as_lines(version)]).lower()
        ]
        return self._console.page(
            request,
            staff,
            "answers.html",
            versions=shown,
            counts=[(name, sum(v.state == name for v in every)) for name in STATES],
            total=len(every),
            state=state,
            words=words,
            badges=BADGES,
            question_of=question_of,
            address_of=address_of_answer,
            approval_required=self._console.settings.require_approval,
        )

    def one(self, request: Request, staff: Staff) -> Response:
        """One answer: what readers see, its sources, its versions and what was decided."""
        medicine, answer_id = request.path_params["medicine"], request.path_params["answer"]
        versions = versions_of(self._console.engine, medicine, answer_id)
        if not versions:
            raise HTTPException(404, "There is no such answer.")
        newest = versions[0]
        required = self._console.settings.require_approval
        said = Answers(self._console.engine, approved_only=required).get(medicine, answer_id)
        other = self._other_version(request, versions)
        return self._console.page(
            request,
            staff,
            "answer.html",
            version=newest,
            versions=versions,
            said=said,
            other=other,
            pairs=side_by_side(as_lines(other), as_lines(newest)) if other else [],
            decisions=reviews.decisions_about(self._console.engine, medicine, answer_id),
            words=reviews.DECISION_WORDS,
            file_review=REVIEW_WORDS.get(newest.file_review, newest.file_review),
            badges=BADGES,
            question=question_of(newest),
            address=address_of_answer(newest),
            fill=self._fill,
            may_decide=staff.role == "clinician" and newest.in_force,
            approval_required=required,
        )

    def _other_version(self, request: Request, versions: list[Version]) -> Version | None:
        wanted = request.query_params.get("with", "")
        earlier = versions[1:]
        chosen = [v for v in earlier if str(v.version) == wanted] or earlier
        return chosen[0] if chosen else None

    def _fill(self, text: str) -> str:
        for key, value in self._numbers.items():
            text = text.replace("{" + key + "}", value)
        return text

    def decide(self, request: Request, staff: Staff) -> Response:
        """Take a clinician's decision about the version they saw."""
        medicine, answer_id = request.path_params["medicine"], request.path_params["answer"]
        decision, seen = text_of(request, "decision", 20), text_of(request, "version", 12)
        versions = versions_of(self._console.engine, medicine, answer_id)
        version = next((v for v in versions if str(v.id) == seen), None)
        if version is None:
            raise HTTPException(404, "There is no such version of this answer.")
        request.state.about = f"answer {medicine} {answer_id} version {version.version}: {decision}"
        reason = text_of(request, "reason", 2_000)
        reviews.decide(self._console.engine, version.id, decision, staff.name, reason)
        return self._console.redirect(address_of_answer(version), DONE[decision])


def routes(console: Console) -> list[StaffRoute]:
    """The routes of these pages."""
    pages = AnswerPages(console)
    one = "/staff/answers/{medicine}/{answer}"
    return [
        console.route("/staff/answers", pages.overview, role="viewer", name="list_answers"),
        console.route(one, pages.one, role="viewer", name="see_answer"),
        console.route(
            one, pages.decide, role="clinician", only=True, methods=["POST"], name="decide_answer"
        ),
    ]
