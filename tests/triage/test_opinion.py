"""The second reader beside the rules: who is believed, and when the person is asked."""

from __future__ import annotations

import pytest

from medassist.triage.assess import Level
from medassist.triage.explanation import explain
from medassist.triage.findings import Assessment, Opinion
from medassist.triage.opinion import (
    affirmed,
    asked_after_cry,
    is_only_help,
    is_unsure,
    is_yes,
    settle,
)
from tests.triage.conftest import Say

SURE = Opinion(emergency=0.9, urgent=0.95)
WONDERS = Opinion(emergency=0.1, urgent=0.2)
CALM = Opinion(emergency=0.001, urgent=0.005)


def test_what_the_rules_do_not_see_the_second_reader_raises(say: Say) -> None:
    heard = settle(say("her bag rolled down the steps and so did she"), SURE)
    assert (heard.level, heard.rule_id, heard.doubt) == (Level.EMERGENCY, "second_reader", False)
    assert "90 of 100" in heard.rule


def test_a_doubt_of_the_second_reader_is_asked_about(say: Say) -> None:
    heard = settle(say("her bag rolled down the steps"), WONDERS)
    assert (heard.level, heard.doubt, heard.sure_level) == (Level.URGENT, True, Level.ROUTINE)


def test_a_calm_second_reader_leaves_a_routine_message_alone(say: Say) -> None:
    heard = settle(say("what is baclofen used for"), CALM)
    assert (heard.level, heard.doubt) == (Level.ROUTINE, False)


def test_something_for_today_is_urgent_and_nobody_is_asked(say: Say) -> None:
    heard = settle(say("my ankles have swollen since monday"), Opinion(0.01, 0.8))
    assert (heard.level, heard.doubt) == (Level.URGENT, False)


def test_one_sign_that_only_the_rules_see_is_asked_about_and_never_dropped(say: Say) -> None:
    rules = say("i can't breathe")
    assert rules.level is Level.EMERGENCY
    heard = settle(rules, CALM)
    assert (heard.level, heard.doubt, heard.sure_level) == (Level.URGENT, True, Level.URGENT)


def test_a_sign_that_is_only_named_in_a_question_is_answered(say: Say) -> None:
    rules = say("bupropion seizures risk", about=None)
    assert rules.level is Level.EMERGENCY
    question = Opinion(0.001, 0.001, ordinary=0.99)
    assert settle(rules, question).level is Level.ROUTINE
    assert settle(rules, Opinion(0.001, 0.001, ordinary=0.5)).doubt
    assert settle(rules, Opinion(0.02, 0.02, ordinary=0.99)).doubt
    assert settle(say("i took 30 baclofen"), question).level is Level.EMERGENCY
    assert settle(say("i want to kill myself"), question).level is Level.EMERGENCY


@pytest.mark.parametrize("words", ["i took 30 baclofen", "i want to kill myself"])
def test_amounts_and_suicidal_words_stand_whatever_the_second_reader_thinks(
    say: Say, words: str
) -> None:
    heard = settle(say(words), CALM)
    assert (heard.level, heard.doubt) == (Level.EMERGENCY, False)


def test_an_urgent_sign_that_only_looks_like_one_is_set_aside(say: Say) -> None:
    rules = say("i ran out of checks", about=None)
    assert rules.level is Level.URGENT
    assert settle(rules, CALM).level is Level.ROUTINE
    assert settle(rules, Opinion(0.001, 0.3)).level is Level.URGENT


def test_what_stands_from_an_earlier_message_is_never_set_aside(say: Say) -> None:
    assert settle(say("i ran out of baclofen", "thank you"), CALM).level is Level.URGENT


def test_a_message_that_reports_nothing_needs_more_doubt(say: Say) -> None:
    calm = say("please order a taxi")
    assert settle(calm, Opinion(0.1, 0.1)).doubt
    assert not settle(calm, Opinion(0.1, 0.1, ordinary=0.95)).doubt
    assert settle(calm, Opinion(0.32, 0.32)).level is Level.EMERGENCY
    assert settle(calm, Opinion(0.32, 0.32, ordinary=0.95)).level is Level.ROUTINE
    assert settle(calm, Opinion(0.6, 0.6, ordinary=0.95)).level is Level.EMERGENCY


def test_one_passage_of_danger_in_a_long_message_is_enough(say: Say) -> None:
    calm = say("what a week it was")
    assert settle(calm, Opinion(0.01, 0.02, passage=0.95)).level is Level.EMERGENCY
    assert settle(calm, Opinion(0.01, 0.02, passage=0.5)).doubt
    assert not settle(calm, Opinion(0.01, 0.02, passage=0.2)).doubt
    assert not settle(calm, Opinion(0.01, 0.02, passage=0.5, ordinary=0.95)).doubt


def test_a_new_danger_after_an_old_one_counts_as_its_own(say: Say) -> None:
    carried = say("i took 30 baclofen", "and now i am on the bathroom floor")
    assert carried.carried
    heard = settle(carried, SURE)
    assert (heard.level, heard.carried, heard.kind) == (Level.EMERGENCY, False, "overdose")


def test_a_correction_is_at_most_asked_about(say: Say) -> None:
    corrected = say("i took 30 baclofen", "sorry, i meant 10 mg, one tablet")
    assert corrected.facts.corrected
    assert settle(corrected, CALM).level is Level.ROUTINE
    heard = settle(corrected, SURE)
    assert (heard.level, heard.doubt) == (Level.URGENT, True)


def test_a_standing_emergency_is_never_lowered_by_what_comes_after(say: Say) -> None:
    later = say("i took 30 baclofen tablets of 20 mg", "he is having a seizure")
    assert settle(later, Opinion(0.005, 0.01, ordinary=0.95)).level is Level.EMERGENCY
    again = say("i ran out of baclofen", "i ran out of it")
    assert settle(again, CALM).level is Level.URGENT


@pytest.mark.parametrize(
    "words",
    ["i took too many, 30 tablets of 20 mg baclofen", "i overdosed, i took 30 tablets of 20 mg",
     "his lips are blue and he is having a seizure"],
)  # fmt: skip
def test_several_grave_things_are_never_only_named(say: Say, words: str) -> None:
    heard = settle(say(words), Opinion(0.005, 0.005, ordinary=0.99))
    assert heard.level is not Level.ROUTINE


def test_an_emergency_keeps_the_card_that_the_rules_chose(say: Say) -> None:
    assert settle(say("i feel so hopeless"), SURE).kind == "self_harm"
    assert settle(say("i have a rash", "he seems really far away"), SURE).kind is None
    assert affirmed(say("i took a double dose of baclofen", "yes")).kind == "overdose"


def test_what_an_earlier_version_stored_can_be_read(say: Say) -> None:
    stored = say("i took 30 baclofen").to_dict()
    for key in ("opinion", "doubt", "sure_level", "standing"):
        del stored[key]
    assert Assessment.from_dict(stored).sure_level is Level.EMERGENCY


def test_a_yes_that_names_the_danger_keeps_its_own_card(say: Say) -> None:
    assert affirmed(say("yes, i took the whole bottle of baclofen")).kind == "overdose"
    assert affirmed(say("maybe, i just want to kill myself")).kind == "self_harm"


def test_a_yes_to_the_safety_question_is_an_emergency(say: Say) -> None:
    assert affirmed(say("yes")).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "reply", ["not sure", "I'm not really sure", "maybe", "i think so", "A bit", "dont know", "Idk",
              "hard to say", "um, kinda", "I don’t know", "no idea"],
)  # fmt: skip
def test_an_unsure_reply_is_recognised(reply: str) -> None:
    assert is_unsure(reply)


@pytest.mark.parametrize("reply", ["no", "nobody is", "no i'm fine", "what is it for", "bitter"])
def test_a_no_or_a_question_is_not_an_unsure_reply(reply: str) -> None:
    assert not is_unsure(reply)


def test_the_second_reader_stands_in_the_explanation(say: Say) -> None:
    heard = settle(say("her bag rolled down the steps"), Opinion(0.1, 0.2, passage=0.4))
    said = explain("her bag rolled down the steps", heard)
    assert "URGENT (in doubt: the safety question is asked)" in said
    assert "emergency 0.10 (0.40 in a passage), at least urgent 0.20" in said


def test_an_assessment_with_an_opinion_can_be_stored_and_read_back(say: Say) -> None:
    heard = settle(say("i took 30 baclofen"), SURE)
    assert Assessment.from_dict(heard.to_dict()) == heard


def test_a_reply_that_begins_with_yes_is_a_yes() -> None:
    assert is_yes("yes he is")
    assert is_yes("Yeah!")
    assert not is_yes("yesterday he was")
    assert not is_yes("no")


@pytest.mark.parametrize("text", ["help", "HELP!!", "please help me", "somebody help", "need help"])
def test_a_bare_cry_for_help_is_asked_about(say: Say, text: str) -> None:
    assert is_only_help(text)
    asked = asked_after_cry(say(text))
    assert asked.doubt
    assert asked.level is Level.URGENT


@pytest.mark.parametrize(
    "text", ["help with my refill", "does it help", "helpful", "i need help with a form"]
)
def test_a_question_with_the_word_help_is_no_cry(text: str) -> None:
    assert not is_only_help(text)


def test_a_cry_for_help_lowers_nothing(say: Say) -> None:
    stands = say("he cant breathe", "help")
    assert asked_after_cry(stands).level is Level.EMERGENCY
