"""An assessment in words, so that a nurse can see why it says what it says."""

from __future__ import annotations

from .findings import ASSERTED, Assessment, Finding, TakenAmount


def explain(text: str, assessment: Assessment) -> str:
    """The message, its level, the rule that decided, and everything that was found."""
    lines = [text, f"  level    {assessment.level.value.upper()}"]
    if assessment.carried:
        lines[-1] += " (stands from an earlier message)"
    if assessment.doubt:
        lines[-1] += " (in doubt: the safety question is asked)"
    lines.append(f"  because  {assessment.rule}")
    lines += [f"  found    {_finding(finding)}" for finding in assessment.findings]
    lines += [f"  amount   {_amount(amount)}" for amount in assessment.amounts]
    if assessment.opinion:
        opinion = assessment.opinion
        in_passage = f" ({opinion.passage:.2f} in a passage)" if opinion.passage else ""
        lines.append(
            f"  second   reader: emergency {opinion.emergency:.2f}{in_passage}, "
            f"at least urgent {opinion.urgent:.2f} (of 1)"
        )
    if assessment.sources:
        lines.append(f"  sources  {', '.join(assessment.sources)}")
    return "\n".join(lines) + "\n"


def _finding(finding: Finding) -> str:
    said = f'{finding.sign} "{finding.text}": {finding.context}'
    if finding.context != ASSERTED and finding.because:
        said += f' (by "{finding.because}")'
    return said + (f", about {finding.who}" if finding.who != "self" else "")


def _amount(amount: TakenAmount) -> str:
    said = f'"{amount.text}": {amount.kind}'
    if amount.mg is not None:
        said += f", {amount.mg:g} mg {amount.per}"
    if amount.limit_mg is not None:
        said += f" against {amount.limit_mg:g} mg a day"
    return f"{said}, {amount.verdict}"
