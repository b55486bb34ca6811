"""The second reader: a trained classifier's opinion beside the rules, and who is believed.

The rules know what was written into them and explain themselves; they miss words nobody thought
of, and are caught by some that only look dangerous. A classifier trained on labelled messages
(`data/nlu/danger_*.yml`) fails elsewhere. It sees what the rules found, so its score is the
belief of both. Where it is sure, it raises the level; where the two disagree, the person is
asked. A sign that the rules found is taken for a mere word only where the second reader all but
excludes danger and the topic classifier, too, sees a question. The thresholds were chosen on the
evaluation sets, looking at counts only (data/evaluation/README.md); `project` is their source,
for a clinician to confirm.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .findings import Assessment, Level, Opinion

ORDINARY = 0.8
"""Chance from which the topic classifier counts as sure that a message reports nothing."""
SURE, SURE_IF_ORDINARY = 0.3, 0.35
"""Score (0 to 1) of an emergency from which the second reader alone makes it one."""
DOUBT = 0.05
"""Score of an emergency from which the person is asked whether somebody is in danger.

Not in an ordinary message: there the question is asked for a passage, or where the rules found a
sign that the second reader doubts.
"""
CORRECTED = 0.32
"""The same for a message that corrects an earlier one ("sorry, I meant 10 mg")."""
URGENT, URGENT_IF_ORDINARY = 0.2, 0.4
"""Score of at least `urgent` from which a message is urgent."""
DISMISSED = 0.15
"""Score of an emergency below which a sign found by the rules is asked about, not acted on."""
IMPOSSIBLE = 0.01
"""Score of an emergency below which, in an ordinary message, a sign found by the rules is only
named and nobody is asked ("bupropion seizures risk"): two readers against one."""
NOT_URGENT = 0.01
"""Score of at least `urgent` below which one urgent sign found by the rules is set aside."""
PASSAGE_SURE, PASSAGE_DOUBT, PASSAGE_DOUBT_IF_ORDINARY = 0.95, 0.3, 0.7
"""As SURE and DOUBT, for one passage of a long message: what stands around it may turn it."""
READER = "second_reader"
"""`rule_id` of an assessment that the second reader decided."""

_UNSURE = re.compile(
    r"\W*(?:(?:um+|er+|well|i'?m|i am)\W+)*"
    r"(?:maybe|perhaps|possibly|probably|not (?:really )?sure|unsure|i (?:think|guess|suppose) so"
    r"|no (?:idea|clue)"
    r"|(?:i )?do(?:n'?t| not) (?:really )?know|(?:i )?dunno|idk|(?:just )?a (?:bit|little)"
    r"|kind ?(?:of|a)|sort ?(?:of|a)|hard to (?:say|tell)|can'?t (?:say|tell))\b",
    re.IGNORECASE,
)


_YES = re.compile(r"\W*(?:yes|yeah|yep|yup|yea|aye|ya)\b", re.IGNORECASE)


def is_yes(reply: str) -> bool:
    """Whether a reply begins with a yes ("yes he is")."""
    return bool(_YES.match(reply))


_ONLY_HELP = re.compile(
    r"\W*(?:(?:please|pls|plz|oh god|somebody|someone|anyone|i need|need|can you)\W+)*help"
    r"(?:\W+(?:me|us|please|pls|plz|now|help))*\W*",
    re.IGNORECASE,
)


def is_only_help(message: str) -> bool:
    """Whether a message is a cry for help and says nothing else ("HELP", "please help me")."""
    return bool(_ONLY_HELP.fullmatch(message))


def asked_after_cry(assessment: Assessment) -> Assessment:
    """The assessment of a bare cry for help: it may be anything, so the person is asked."""
    if assessment.level is Level.EMERGENCY:
        return replace(assessment, carried=False)  # the card once more
    return replace(
        assessment, level=Level.URGENT, own_level=Level.URGENT, doubt=True, carried=False,
        rule="A cry for help and nothing else: asked to be sure.", rule_id="only_help",
        sources=("project",),
    )  # fmt: skip


def is_unsure(reply: str) -> bool:
    """Whether a reply to the safety question is neither yes nor no ("not sure", "a bit")."""
    return bool(_UNSURE.match(reply.replace("’", "'")))


def settle(assessment: Assessment, opinion: Opinion) -> Assessment:
    """The assessment that counts, of what the rules found and the second reader thinks.

    Only this message's own signs are weighed: an amount above its limit, several signs that
    together mean more and what stands from earlier messages are the rules' alone, because the
    second reader sees only this message; a correction is at most asked about. Suicidal words
    found by the rules stand too: the safety question does not fit them.
    """
    heard = replace(assessment, opinion=opinion)
    believed = max(opinion.emergency, opinion.passage)
    ordinary = opinion.ordinary >= ORDINARY
    if assessment.own_level is Level.EMERGENCY:
        if believed < IMPOSSIBLE and ordinary and _only_sign(assessment):
            return _only_named(heard)
        stands = assessment.standing is Level.EMERGENCY or assessment.kind == "self_harm"
        if believed < DISMISSED and assessment.by_signs and not stands:
            why = f"{assessment.rule} The second reader does not think so: asked to be sure."
            return replace(heard, level=Level.URGENT, sure_level=Level.URGENT, rule=why, doubt=True)
        return heard
    if assessment.facts.corrected:
        asks = believed >= CORRECTED
        level = max(assessment.level, Level.URGENT) if asks else assessment.level
        return replace(heard, level=level, doubt=asks and level is Level.URGENT)
    if (
        opinion.emergency >= (SURE_IF_ORDINARY if ordinary else SURE)
        or opinion.passage >= PASSAGE_SURE
    ):
        return replace(
            heard, level=Level.EMERGENCY, sure_level=Level.EMERGENCY, own_level=Level.EMERGENCY,
            rule=f"The second reader gives an emergency {_score(opinion)}.", rule_id=READER,
            kind=_own_card(assessment), sources=("project",), carried=False,
        )  # fmt: skip
    if ordinary:
        doubt = opinion.passage >= PASSAGE_DOUBT_IF_ORDINARY
    else:
        doubt = opinion.emergency >= DOUBT or opinion.passage >= PASSAGE_DOUBT
    if max(opinion.urgent, opinion.passage) < NOT_URGENT and _only_sign(assessment):
        return _only_named(heard)
    if assessment.level is not Level.ROUTINE:
        return replace(heard, doubt=doubt and assessment.level is Level.URGENT)
    if doubt or opinion.urgent >= (URGENT_IF_ORDINARY if ordinary else URGENT):
        why = (
            f"The second reader gives an emergency {_score(opinion)}, something for today "
            f"{100 * opinion.urgent:.0f}; the rules see neither."
        )
        return replace(
            heard, level=Level.URGENT, own_level=Level.URGENT, rule=why, rule_id=READER,
            kind=None, sources=("project",), doubt=doubt,
        )  # fmt: skip
    return heard


def _only_sign(assessment: Assessment) -> bool:
    """Whether one sign of this message is all there is, and it is not suicidal words."""
    return (
        assessment.by_one_sign
        and assessment.standing is Level.ROUTINE
        and assessment.kind != "self_harm"
    )


def _own_card(assessment: Assessment) -> str | None:
    """The card that the rules chose, if it has words of its own for an emergency."""
    return assessment.kind if assessment.kind in ("overdose", "withdrawal", "self_harm") else None


def _only_named(heard: Assessment) -> Assessment:
    """The assessment of a look-alike ("I ran out of checks"): routine, the finding kept."""
    return replace(
        heard, level=Level.ROUTINE, own_level=Level.ROUTINE, sure_level=Level.ROUTINE,
        rule=f"{heard.rule} The second reader is sure that it is not meant so.",
    )  # fmt: skip


def _score(opinion: Opinion) -> str:
    if opinion.passage > opinion.emergency:
        return f"{100 * opinion.passage:.0f} of 100 in a passage"
    return f"{100 * opinion.emergency:.0f} of 100"


def affirmed(assessment: Assessment) -> Assessment:
    """The assessment of a yes, or an unsure reply, to the safety question: an emergency."""
    if assessment.own_level is Level.EMERGENCY:
        return assessment  # the reply itself says what it is
    return replace(
        assessment, level=Level.EMERGENCY, sure_level=Level.EMERGENCY, own_level=Level.EMERGENCY,
        rule="The safety question was not answered with a sure no.", rule_id="safety_question",
        kind=_own_card(assessment) or "emergency", sources=("project",), carried=False,
    )  # fmt: skip
