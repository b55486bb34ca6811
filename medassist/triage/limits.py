"""The limits of a medicine that amounts are compared with, and the level an amount gives."""

from __future__ import annotations

from dataclasses import dataclass

from medassist.medicines.files import Medicine

from .findings import Level, TakenAmount


@dataclass(frozen=True)
class MedicineLimits:
    """What amounts are compared with: mg for adults by mouth, age in years."""

    name: str
    daily_mg: float
    single_dose_mg: float
    usual_strength_mg: float
    child_age_years: float
    stopping_is_dangerous: bool
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, medicine: Medicine) -> MedicineLimits:
        """The limits of a medicine's file."""
        limits = medicine.limits
        return cls(
            name=medicine.medicine,
            daily_mg=limits.daily_mg.value,
            single_dose_mg=limits.single_dose_mg.value,
            usual_strength_mg=limits.usual_strength_mg.value,
            child_age_years=limits.child_age_years.value,
            stopping_is_dangerous=medicine.stopping_is_dangerous.value,
            names=tuple(name.lower() for name in medicine.all_names()),
        )


def level_of(amount: TakenAmount) -> Level:
    """The level an amount gives: above the day's limit as an event is an emergency."""
    if amount.kind in ("question", "unclear") or amount.verdict in ("ordinary", "unknown"):
        return Level.ROUTINE
    if amount.kind == "event" and amount.verdict == "above_daily":
        return Level.EMERGENCY
    return Level.URGENT
