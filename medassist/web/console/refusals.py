"""What our rooms raise when something cannot be done; each carries one plain line for people."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from medassist.cases.cases import CaseError
from medassist.medicines.reviews import ReviewError
from medassist.privacy.erasure import ErasureError
from medassist.staff.accounts import AccountError
from medassist.staff.labels import LabelError

REFUSALS: tuple[type[Exception], ...] = (
    HTTPException,
    AccountError,
    CaseError,
    ErasureError,
    LabelError,
    ReviewError,
)
