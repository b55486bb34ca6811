"""What a poison line asks, with what is known of it: ready to be read out over the phone.

A pure function of the patient's messages, what is known of the conversation, and the limits of
the medicine's file. It only repeats what was written; it works out nothing beyond milligrams
against the limit. What nobody wrote stands as still to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medassist.medicines.files import Medicine
from medassist.medicines.situations import told_ages
from medassist.triage.conversation import standing
from medassist.triage.findings import Finding, TakenAmount
from medassist.web.console.conversation import Conversation, Said
from medassist.web.console.marks import WHO_WORDS

ADULT_YEARS = 18

_WEIGHT = re.compile(
    r"\b(?P<number>\d{1,3}(?:[.,]\d)?)\s*(?P<unit>kgs?|kilos?|kilograms?|lbs?|pounds?|stones?)\b",
    re.IGNORECASE,
)
_NOT_A_WEIGHT = re.compile(
    r"\b(?:lost|lose|losing|gained|gain|gaining|put on|dropped)\W+(?:\w+\W+){0,2}$", re.IGNORECASE
)
_KG = {"k": 1.0, "l": 0.4536, "p": 0.4536, "s": 6.350}
"""Kilograms of one kilogram, pound (lb) and stone, by the first letter."""

_ACCIDENT = re.compile(
    r"\b(?:by (?:accident|mistake)|accident(?:al)?ly|accidently|mistakenly|an? accident|a mistake|"
    r"(?:did ?n[o'’]?t|not) mean to|"
    r"forgot (?:that )?(?:i|he|she|they)(?:'d| had)? (?:already )?(?:took|taken|had))\b",
    re.IGNORECASE,
)
_ON_PURPOSE = re.compile(r"\b(?:on purpose|deliberate(?:ly)?|intentional(?:ly)?)\b", re.IGNORECASE)
_DENIED = re.compile(r"(?:\bnot|n['’]?t|\bno|\bnever)\s+(?:\w+\s+)?$", re.IGNORECASE)
_PERSONAL = ("self_harm",)
_SEDATIVES = "mixed_with_sedatives"


@dataclass(frozen=True)
class Known:
    """One thing that is known. `quote` holds the patient's words, `at` when they were sent."""

    words: str
    quote: str = ""
    at: datetime | None = None
    danger: bool = False


@dataclass(frozen=True)
class SheetLine:
    """One line of the sheet: what it is about, what is known, and what is still to ask."""

    about: str
    known: tuple[Known, ...]
    ask: str = ""


def _quote(said: Said, start: int, end: int) -> str:
    """The words themselves, with a little around them so that they can be understood."""
    first = said.text.rfind(" ", 0, max(0, start - 20)) + 1 if start > 20 else 0
    last = said.text.find(" ", min(len(said.text), end + 20))
    last = len(said.text) if last < 0 else last
    before, after = "…" if first else "", "…" if last < len(said.text) else ""
    return f"{before}{' '.join(said.text[first:last].split())}{after}"


def _once(found: Iterator[Known]) -> tuple[Known, ...]:
    """Each thing once, as it was first said."""
    kept: dict[str, Known] = {}
    for known in found:
        kept.setdefault(known.words, known)
    return tuple(kept.values())


def _ages(lines: Sequence[Said]) -> Iterator[Known]:
    for said in lines:
        for age in told_ages(said.text):
            if age.years >= 2:
                words = f"{age.years:g} years old"
            else:
                words = f"{age.years * 12:.0f} months old"
            if age.years < ADULT_YEARS:
                words += " (a child: the limits below are for adults)"
            yield Known(words, _quote(said, age.start, age.end), said.at, age.years < ADULT_YEARS)


def _weights(lines: Sequence[Said]) -> Iterator[Known]:
    for said in lines:
        for match in _WEIGHT.finditer(said.text):
            if _NOT_A_WEIGHT.search(said.text[: match.start()]):
                continue
            kilos = float(match["number"].replace(",", ".")) * _KG[match["unit"][0].lower()]
            words = f"{kilos:.0f} kg"
            if match["unit"][0].lower() != "k":
                words += f" ({match[0]})"
            yield Known(words, _quote(said, match.start(), match.end()), said.at)


def _is_child(lines: Sequence[Said], slots: Mapping[str, Any]) -> bool:
    """Whether a child took it, so that no limit of ours holds."""
    told = [e.get("value") for said in lines for e in said.entities]
    return (
        any(age.years < ADULT_YEARS for said in lines for age in told_ages(said.text))
        or any(said.assessment.facts.who == "child" for said in lines if said.assessment)
        or slots.get("person") == "child"
        or "child" in (slots.get("situations") or ())
        or "child" in told
    )


def _in_words(amount: TakenAmount, medicine: Medicine | None, child: bool = False) -> str:
    """`12 tablets, 120 mg if each is 10 mg. The most …`. A child is held to no adult's limit."""
    parts = []
    if amount.count is not None:
        parts.append(f"{amount.count:g} tablet{'' if amount.count == 1 else 's'} or doses")
    if amount.mg is not None:
        mg = f"{amount.mg:g} mg"
        if amount.count and amount.strength is None and medicine:
            mg += f" if each is {amount.mg / amount.count:g} mg (the strength was not said)"
        parts.append(mg)
    words = ", ".join(parts) or f"“{amount.text}”"
    if amount.per == "day":
        words += ", over the day"
    if amount.mg is not None and amount.limit_mg:
        words += f". The most in a whole day is {amount.limit_mg:g} mg for adults"
        if child:
            words += ", which does not hold for a child"
        elif amount.mg > amount.limit_mg:
            words += f": this is {amount.mg / amount.limit_mg:.1f} times that"
    return words


def _amounts(
    lines: Sequence[Said], slots: Mapping[str, Any], medicine: Medicine | None
) -> Iterator[Known]:
    """The amounts that were taken and not taken back."""
    child = _is_child(lines, slots)
    assessed = [said for said in lines if said.assessment is not None]
    stand = standing([s.assessment for s in assessed if s.assessment], None).taken
    for said in assessed:
        assert said.assessment is not None
        for amount in said.assessment.facts.taken:
            if amount in stand:
                danger = child or amount.verdict in ("above_daily", "double")
                quote = _quote(said, amount.start, amount.end)
                yield Known(_in_words(amount, medicine, child), quote, said.at, danger)


def _usual(lines: Sequence[Said]) -> Iterator[Known]:
    for said in lines:
        for amount in said.assessment.amounts if said.assessment else ():
            if amount.kind == "regimen":
                words = _in_words(amount, None) if amount.mg else f"“{amount.text}”"
                yield Known(words, _quote(said, amount.start, amount.end), said.at)


def _times(lines: Sequence[Said], slots: Mapping[str, Any]) -> Iterator[Known]:
    told = False
    for said in lines:
        for entity in said.entities:
            if entity.get("entity") == "time":
                told = True
                start, end = int(entity.get("start") or 0), int(entity.get("end") or 0)
                yield Known(f"“{entity['value']}”", _quote(said, start, end), said.at)
    if not told and slots.get("time"):
        yield Known(f"“{slots['time']}”")


def _findings(lines: Sequence[Said]) -> Iterator[tuple[Said, Finding]]:
    for said in lines:
        for finding in said.assessment.findings if said.assessment else ():
            yield said, finding


def _substances(
    lines: Sequence[Said], slots: Mapping[str, Any], medicine: Medicine | None
) -> Iterator[Known]:
    own = {name.lower() for name in medicine.all_names()} if medicine else set()
    for said, finding in _findings(lines):
        if finding.sign == _SEDATIVES and finding.asserted:
            quote = _quote(said, finding.start, finding.end)
            yield Known("Alcohol, opioids or other sedatives", quote, said.at, danger=True)
    told = False
    for said in lines:
        for entity in said.entities:
            kind, value = entity.get("entity"), str(entity.get("value") or "")
            other = kind == "medicine" and entity.get("role") == "other"
            if (other or kind in ("substance", "class")) and value.lower() not in own:
                told = True
                start, end = int(entity.get("start") or 0), int(entity.get("end") or 0)
                yield Known(value, _quote(said, start, end), said.at)
    if not told and slots.get("other_medicine"):
        yield Known(str(slots["other_medicine"]))


def _situation(
    lines: Sequence[Said], slots: Mapping[str, Any], wanted: Mapping[str, str]
) -> Iterator[Known]:
    told: set[str] = set()
    for said in lines:
        for entity in said.entities:
            value = str(entity.get("value") or "")
            start, end = int(entity.get("start") or 0), int(entity.get("end") or 0)
            if entity.get("entity") == "situation" and value in wanted and end > start:
                told.add(value)
                yield Known(wanted[value], _quote(said, start, end), said.at)
    for value in slots.get("situations") or ():
        if value in wanted and value not in told:
            yield Known(wanted[value])


def _is_within_a_graver(said: Said, finding: Finding) -> bool:
    """Whether a graver sign stands in the same words: severe confusion over confusion."""
    return any(
        other.asserted
        and other.level > finding.level
        and other.start < finding.end
        and finding.start < other.end
        for other in (said.assessment.findings if said.assessment else ())
    )


def _signs(lines: Sequence[Said], names: Mapping[str, str]) -> Iterator[Known]:
    for said, finding in _findings(lines):
        if _is_within_a_graver(said, finding):
            continue
        if finding.asserted and finding.sign != _SEDATIVES and finding.level.rank > 0:
            name = names.get(finding.sign, finding.sign.replace("_", " ").capitalize())
            quote = _quote(said, finding.start, finding.end)
            yield Known(name, quote, said.at, danger=finding.level.rank == 2)
    for said, finding in _findings(lines):
        if finding.context == "negated":
            name = names.get(finding.sign, finding.sign.replace("_", " ").capitalize())
            yield Known(f"They say no: {name}", _quote(said, finding.start, finding.end), said.at)


def _on_purpose(lines: Sequence[Said]) -> Iterator[Known]:
    for said, finding in _findings(lines):
        if finding.asserted and finding.sign in _PERSONAL:
            quote = _quote(said, finding.start, finding.end)
            yield Known("Suicidal or self-harm words: take it as deliberate", quote, said.at, True)
    for said in lines:
        for pattern, plain, denied in (
            (_ON_PURPOSE, "on purpose", "not on purpose"),
            (_ACCIDENT, "an accident", "no accident"),
        ):
            for match in pattern.finditer(said.text):
                no = _DENIED.search(said.text[: match.start()])
                danger = bool(no) != (pattern is _ON_PURPOSE)
                words = f"They write that it was {denied if no else plain}"
                yield Known(words, _quote(said, match.start(), match.end()), said.at, danger)


def _who(lines: Sequence[Said], slots: Mapping[str, Any]) -> Iterator[Known]:
    for said in lines:
        who = said.assessment.facts.who if said.assessment else "self"
        if who in WHO_WORDS:
            yield Known(f"It is about {WHO_WORDS[who]}, not the writer", "", said.at)
    if slots.get("person") in WHO_WORDS:
        yield Known(f"It is about {WHO_WORDS[str(slots['person'])]}, not the writer")


def _what(medicine: Medicine | None, slots: Mapping[str, Any]) -> Iterator[Known]:
    if medicine:
        limits = medicine.limits
        yield Known(f"{medicine.title} ({medicine.class_name})")
        yield Known(
            f"Limits for adults by mouth: {limits.daily_mg.value:g} mg in a day "
            f"({limits.daily_mg.note}), {limits.single_dose_mg.value:g} mg at once"
        )
    elif slots.get("medicine"):
        yield Known(f"{slots['medicine']} (we have no file on it, so no limit to compare with)")


def overdose_sheet(
    conversation: Conversation, medicine: Medicine | None, names: Mapping[str, str]
) -> list[SheetLine]:
    """The sheet's lines, in the order a poison line asks.

    `medicine` is the file of the conversation's medicine, if there is one; `names` are those of
    the danger signs.
    """
    lines, slots = conversation.patients_lines, conversation.slots
    who, ages = _once(_who(lines, slots)), _once(_ages(lines))
    what, amounts = _once(_what(medicine, slots)), tuple(_amounts(lines, slots, medicine))
    how_much_ask = "How much was taken? How many tablets, and how strong is each one?"
    if amounts:
        strength = any(known.words.find("the strength was not said") > 0 for known in amounts)
        how_much_ask = "Is that all of it?"
        if strength:
            how_much_ask = "How strong is each tablet? Is that all of it?"
        if len(amounts) > 1:
            how_much_ask += " Are these the same tablets, told twice?"
    times, weights = _once(_times(lines, slots)), _once(_weights(lines))
    others, usual = _once(_substances(lines, slots, medicine)), _once(_usual(lines))
    signs = _once(_signs(lines, names))
    kidney = _once(_situation(lines, slots, {"kidney": "Kidney disease"}))
    pregnant = _once(
        _situation(lines, slots, {"pregnant": "Pregnant", "breastfeeding": "Breastfeeding"})
    )
    more = _once(_situation(lines, slots, {"epilepsy": "Epilepsy", "pump": "Has a pump"}))
    purpose = _once(_on_purpose(lines))
    form = "Which form is it: tablet, liquid, or a pump?"
    return [
        SheetLine("What", what, form if what else f"Which medicine is it? {form}"),
        SheetLine("How much", amounts, how_much_ask),
        SheetLine("When", times, "" if times else "When was it taken? All at once?"),
        SheetLine("Signs now", signs, "How are they now: awake, breathing, confused, any seizure?"),
        SheetLine("Who and how old", (*who, *ages), "" if ages else "How old is the person?"),
        SheetLine("Weight", weights, "" if weights else "How much do they weigh?"),
        SheetLine("Anything else taken", others,
                  "Anything more?" if others else "Alcohol, other medicines, other drugs?"),
        SheetLine("Deliberate or not", purpose,
                  "" if purpose else "Was it on purpose, or an accident? Ask gently."),
        SheetLine("Kidneys", kidney, "" if kidney else "Any kidney disease or dialysis?"),
        SheetLine("Pregnant", pregnant, "" if pregnant else "Could they be pregnant, or nursing?"),
        SheetLine("Usual dose", usual, "" if usual else "Do they take it each day? How much?"),
        SheetLine("Other illness", more, "Epilepsy, liver, heart or lung disease?"),
    ]  # fmt: skip
