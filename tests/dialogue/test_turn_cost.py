"""A cheaper turn comes to the same result as Rasa's own."""

from __future__ import annotations

import copy
import json
import warnings

import pytest
from rasa.core.policies import rule_policy as rasas_rules
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.graph import ExecutionContext, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ConversationPaused,
    Event,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.importers.importer import TrainingDataImporter

from medassist.dialogue.rule_cost import (
    latest_states,
    show_rules_the_latest_turns,
    try_only_rules_that_can_apply,
)
from medassist.dialogue.turn_cost import (
    copy_trackers_without_replay,
    count_events_that_apply_quickly,
    look_up_kinds_of_events_once,
    run_graph_directly,
)
from medassist.settings import ROOT


@pytest.fixture(scope="module")
def domain() -> Domain:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture(scope="module")
def rules(domain: Domain, tmp_path_factory: pytest.TempPathFactory) -> RulePolicy:
    """Rasa's policy, trained on the rules of this repository."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importer = TrainingDataImporter.load_from_dict(
            {}, str(ROOT / "domain.yml"), [str(ROOT / "data" / "rules")]
        )
        from rasa.core.training import load_data

        trackers = load_data(importer, domain)
        storage = LocalModelStorage.create(tmp_path_factory.mktemp("rules"))
        policy = RulePolicy.create(
            {**RulePolicy.get_default_config(), "core_fallback_action_name": "action_clarify"},
            storage,
            Resource("rules"),
            ExecutionContext(GraphSchema({})),
        )
        policy.train(trackers, domain)
    return policy


@pytest.fixture
def as_rasa_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests change of Rasa is put back after each."""
    for owner, name in (
        (RulePolicy, "_get_possible_keys"),
        (RulePolicy, "_find_action_from_rules"),
        (RulePolicy, "_prediction_states"),
        (DialogueStateTracker, "copy"),
        (DialogueStateTracker, "applied_events"),
        (DaskGraphRunner, "run"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(Event, "resolve_by_type", staticmethod(Event.resolve_by_type))


def said(intent: str, *slots: tuple[str, object]) -> list[Event]:
    """A person's message of this intent, and the slots that it fills."""
    parsed = {"intent": {"name": intent, "confidence": 0.9}, "entities": [], "text": "words"}
    return [
        ActionExecuted("action_listen"),
        UserUttered("words", parsed["intent"], [], parsed),
        *(SlotSet(name, value) for name, value in slots),
    ]


CONVERSATIONS = {
    "the first message": said("greet"),
    "a question": said("ask_uses", ("medicine", "baclofen"), ("level", "routine")),
    "an emergency": said("report_emergency", ("level", "emergency")),
    "a doubt": said("report_emergency", ("level", "urgent")),
    "after the card": [
        *said("report_emergency", ("level", "emergency")),
        ActionExecuted("utter_emergency"),
    ],
    "nothing understood": said("nlu_fallback", ("level", "routine")),
    "an intent without a rule": said("inform", ("level", "emergency")),
    "the end of a turn": [
        *said("ask_uses", ("level", "routine")),
        ActionExecuted("action_answer"),
    ],
    "the twelfth question": [
        *said("ask_uses", ("medicine", "baclofen")),  # a slot that no later turn sets again
        ActionExecuted("action_answer"),
        *(
            event
            for number in range(11)
            for event in (
                *said("ask_side_effects", ("level", ("routine", "urgent")[number % 2])),
                ActionExecuted("action_answer"),
            )
        ),
        *said("report_overdose", ("level", "emergency")),
    ],
    "a session that began anew": [
        *said("report_emergency", ("level", "emergency")),
        ActionExecuted("action_answer"),
        ActionExecuted("action_session_start"),
        SessionStarted(),  # takes the slots back
        *(
            event
            for _ in range(6)
            for event in (*said("ask_dose"), ActionExecuted("action_answer"))
        ),
        *said("ask_uses"),
    ],
}


def tracker_of(domain: Domain, events: list[Event]) -> DialogueStateTracker:
    tracker = DialogueStateTracker("somebody", domain.slots)
    for event in [ActionExecuted("action_session_start"), SessionStarted(), *events]:
        tracker.update(event, domain)
    return tracker


@pytest.mark.parametrize("events", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.usefixtures("as_rasa_has_it")
def test_the_same_rule_is_chosen(rules: RulePolicy, domain: Domain, events: list[Event]) -> None:
    tracker = tracker_of(domain, events)
    wanted = rules.predict_action_probabilities(tracker, domain)
    try_only_rules_that_can_apply()
    show_rules_the_latest_turns()
    found = rules.predict_action_probabilities(tracker, domain)
    assert found.probabilities == wanted.probabilities
    assert found.hide_rule_turn == wanted.hide_rule_turn
    assert found.events == wanted.events


@pytest.mark.usefixtures("as_rasa_has_it")
def test_a_rule_that_quotes_a_text_is_still_found(
    rules: RulePolicy, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We have none; where somebody writes one, Rasa's own way is kept."""
    state = [{"prev_action": {"action_name": "action_listen"}, "user": {"text": "words"}}]
    quoted = {rasas_rules.RULES: {json.dumps(state): "utter_greet"}}
    monkeypatch.setattr(rules, "lookup", {**rules.lookup, **quoted})
    for kept in ("_reads_intents_only", "_rules_by_latest_state", "_longest_rule"):
        rules.__dict__.pop(kept, None)
    try_only_rules_that_can_apply()
    found = rules.predict_action_probabilities(tracker_of(domain, said("greet")), domain)
    assert found.is_end_to_end_prediction
    for kept in ("_reads_intents_only", "_rules_by_latest_state", "_longest_rule"):
        rules.__dict__.pop(kept, None)


def test_the_latest_turns_end_in_the_same_states(domain: Domain) -> None:
    whole = tracker_of(domain, CONVERSATIONS["the twelfth question"])
    slots, events = whole.current_slot_values(), list(whole.events)
    found, wanted = latest_states(whole, domain, 4), domain.states_for_tracker_history(whole)
    assert found is not None
    assert 4 <= len(found) < len(wanted) / 2
    assert found[-4:] == wanted[-4:]
    assert (whole.current_slot_values(), list(whole.events)) == (slots, events)


@pytest.mark.parametrize("events", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_young_conversation_has_the_same_states(domain: Domain, events: list[Event]) -> None:
    whole = tracker_of(domain, events[:6])
    assert latest_states(whole, domain, 9) == domain.states_for_tracker_history(whole)


def test_each_prediction_of_a_turn_goes_on_where_the_last_one_ended(domain: Domain) -> None:
    events = CONVERSATIONS["the twelfth question"]
    growing = tracker_of(domain, events[:-6])
    for event in [*events[-6:], *said("ask_dose")]:
        growing.update(event)
        found = latest_states(growing, domain, 4)
        wanted = domain.states_for_tracker_history(growing)
        assert found is not None
        assert found[-4:] == wanted[-4:]
        for state in found:  # Rasa does so with what it is given
            state.get("user", {}).clear()


def test_a_session_that_begins_between_two_predictions_forgets_the_one_before(
    domain: Domain,
) -> None:
    tracker = tracker_of(domain, CONVERSATIONS["the twelfth question"])
    latest_states(tracker, domain, 4)
    for event in (SessionStarted(), *said("greet")):
        tracker.update(event)
    assert latest_states(tracker, domain, 4) == domain.states_for_tracker_history(tracker)


def test_a_copy_goes_on_by_itself(domain: Domain) -> None:
    tracker = tracker_of(domain, CONVERSATIONS["the twelfth question"])
    before = latest_states(tracker, domain, 4)
    other = copy.copy(tracker)
    other.events = copy.copy(tracker.events)
    other.slots = copy.deepcopy(tracker.slots)
    other.update(ActionExecuted("action_answer"))
    assert latest_states(other, domain, 4) != before
    assert latest_states(tracker, domain, 4) == before


def test_a_conversation_paused_between_two_predictions_is_looked_at_as_a_whole(
    domain: Domain,
) -> None:
    tracker = tracker_of(domain, CONVERSATIONS["the twelfth question"])
    assert latest_states(tracker, domain, 4) is not None
    tracker.update(ConversationPaused())
    assert latest_states(tracker, domain, 4) is None


@pytest.mark.parametrize("last", [None, ConversationPaused(), UserUtteranceReverted()], ids=str)
@pytest.mark.parametrize("events", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.usefixtures("as_rasa_has_it")
def test_the_same_events_apply(domain: Domain, events: list[Event], last: Event | None) -> None:
    tracker = tracker_of(domain, [*events, last] if last else events)
    wanted = tracker.applied_events()
    count_events_that_apply_quickly()
    assert tracker.applied_events() == wanted


def test_a_session_that_began_anew_has_forgotten_the_slots_before_it(domain: Domain) -> None:
    whole = tracker_of(domain, CONVERSATIONS["a session that began anew"])
    found, wanted = latest_states(whole, domain, 3), domain.states_for_tracker_history(whole)
    assert found is not None
    assert found[-3:] == wanted[-3:]
    assert "level" not in found[-1].get("slots", {})


def test_a_conversation_that_was_paused_is_looked_at_as_a_whole(domain: Domain) -> None:
    events = [*CONVERSATIONS["the twelfth question"], ConversationPaused()]
    whole = tracker_of(domain, events)
    assert latest_states(whole, domain, 4) is None


@pytest.mark.usefixtures("as_rasa_has_it")
def test_a_copy_of_a_conversation_leaves_the_conversation_as_it_is(domain: Domain) -> None:
    copy_trackers_without_replay()
    tracker = tracker_of(domain, CONVERSATIONS["a question"])
    same = tracker.copy()
    assert same.events == tracker.events
    assert same.current_slot_values() == tracker.current_slot_values()
    same.update_with_events([SlotSet("medicine", "other"), ActionExecuted("action_answer")], domain)
    assert tracker.get_slot("medicine") == "baclofen"
    assert tracker.latest_action_name == "action_listen"
    assert len(same.events) == len(tracker.events) + 2


@pytest.mark.usefixtures("as_rasa_has_it")
def test_every_kind_of_stored_event_is_known() -> None:
    look_up_kinds_of_events_once()
    for kind in ("user", "bot", "action", "slot", "session_started", "pause"):
        assert Event.resolve_by_type(kind).type_name == kind
    with pytest.raises(ValueError, match="Unknown event name"):
        Event.resolve_by_type("no such kind")


class Runner:
    """What a graph runner of Rasa has, with functions for components."""

    run = DaskGraphRunner.run
    _build_dask_graph = DaskGraphRunner._build_dask_graph
    _add_inputs_to_graph = staticmethod(DaskGraphRunner._add_inputs_to_graph)
    _execution_context = None

    def __init__(self) -> None:
        def node(needs: dict[str, str], is_target: bool = False) -> SchemaNode:
            return SchemaNode(needs, Runner, "create", "run", {}, is_target=is_target)

        self._graph_schema = GraphSchema(
            {
                "words": node({"message": "__message__"}),
                "unused": node({"message": "__message__"}),
                "level": node({"words": "words", "message": "__message__"}, is_target=True),
            }
        )
        self.ran: list[str] = []
        self._instantiated_nodes = {
            "words": self._node("words", lambda message: message[1].split()),
            "unused": self._node("unused", lambda message: 1 / 0),
            "level": self._node("level", lambda words, message: (len(words[1]), message[1])),
        }

    def _node(self, name: str, work: object) -> object:
        def run(*inputs: object) -> tuple[str, object]:
            self.ran.append(name)
            return name, work(*inputs)  # type: ignore[operator]

        return run


@pytest.mark.usefixtures("as_rasa_has_it")
def test_the_graph_gives_what_it_gave_and_runs_only_what_is_needed() -> None:
    runner = Runner()
    wanted = runner.run(inputs={"__message__": "one two"}, targets=["level"])
    run_graph_directly()
    Runner.run = DaskGraphRunner.run
    runner.ran.clear()
    assert runner.run(inputs={"__message__": "one two"}, targets=["level"]) == wanted
    assert runner.ran == ["words", "level"]
    assert runner.run(inputs={"__message__": "three"}) == {"level": (1, "three")}
