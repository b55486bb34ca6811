"""The second reader: a trained classifier's opinion beside the rules, and who is believed.

The rules know what was written into them and explain themselves; they miss words nobody thought
of, and are caught by some that only look dangerous. A classifier trained on labelled messages
(`data/nlu/danger_*.yml`) fails elsewhere. It sees what the rules found, so its score is the
belief of both. Where it is sure, it raises the level; where the two disagree, the person is
asked; it never turns an emergency of the rules into nothing. The thresholds were chosen on
the evaluation sets, looking at counts only (data/evaluation/README.md); `project` is their
source, for a clinician to confirm.
"""

from __future__ import annotations

from dataclasses import replace

from .findings import Assessment, Level, Opinion

SURE = 0.3
"""Score (0 to 1) of an emergency from which the second reader alone makes it one."""
DOUBT = 0.05
"""Score (0 to 1) of an emergency from which the person is asked whether somebody is in danger."""
URGENT = 0.25
"""Score of at least `urgent` from which a message is urgent."""
DISMISSED = 0.08
"""Score of an emergency below which a sign found by the rules is asked about, not acted on."""
READER = "second_reader"
"""`rule_id` of an assessment that the second reader decided."""


def settle(assessment: Assessment, opinion: Opinion) -> Assessment:
    """The assessment that counts, of what the rules found and the second reader thinks.

    Only this message's own signs are weighed: an amount above its limit, several signs that
    together mean more, what stands from earlier messages and a correction of it are the
    rules' alone, because the second reader sees only this message.
    """
    heard = replace(assessment, opinion=opinion)
    if assessment.own_level is Level.EMERGENCY:
        if opinion.emergency < DISMISSED and assessment.by_one_sign:
            why = f"{assessment.rule} The second reader does not think so: asked to be sure."
            return replace(heard, level=Level.URGENT, sure_level=Level.URGENT, rule=why, doubt=True)
        return heard
    if assessment.facts.corrected:
        return heard
    score = f"{100 * opinion.emergency:.0f} of 100"
    if opinion.emergency >= SURE and assessment.level is not Level.EMERGENCY:
        why = f"The second reader gives an emergency {score}."
        return replace(
            heard, level=Level.EMERGENCY, sure_level=Level.EMERGENCY, own_level=Level.EMERGENCY,
            rule=why, rule_id=READER, kind=None, sources=("project",), carried=False,
        )  # fmt: skip
    if assessment.level is not Level.ROUTINE:
        asks = opinion.emergency >= DOUBT and not assessment.carried
        return replace(heard, doubt=asks)
    if opinion.emergency >= DOUBT or opinion.urgent >= URGENT:
        why = (
            f"The second reader gives an emergency {score}, something for today "
            f"{100 * opinion.urgent:.0f}; the rules see neither."
        )
        return replace(
            heard, level=Level.URGENT, own_level=Level.URGENT, rule=why, rule_id=READER,
            kind=None, sources=("project",), doubt=opinion.emergency >= DOUBT,
        )  # fmt: skip
    return heard


def affirmed(assessment: Assessment) -> Assessment:
    """The assessment of a yes to the safety question: an emergency."""
    return replace(
        assessment, level=Level.EMERGENCY, sure_level=Level.EMERGENCY, own_level=Level.EMERGENCY,
        rule="Answered yes to the safety question.", rule_id="safety_question", kind="emergency",
        sources=("project",), carried=False,
    )  # fmt: skip
