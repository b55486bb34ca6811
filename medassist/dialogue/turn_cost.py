"""Makes a turn of Rasa cheaper: what it does over and over, with the same result, is done once.

Nothing here changes what a turn says or stores. `docs/speed.md` has what each part spared.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, Text, Tuple

if TYPE_CHECKING:
    from rasa.core.actions.action import Action
    from rasa.engine.runner.dask import DaskGraphRunner
    from rasa.shared.core.domain import Domain, State
    from rasa.shared.core.events import Event
    from rasa.shared.core.slots import Slot
    from rasa.shared.core.trackers import DialogueStateTracker
    from rasa.utils.endpoints import EndpointConfig

_ORDINARY = {
    "UserUttered",
    "BotUttered",
    "ActionExecuted",
    "SlotSet",
    "SessionStarted",
    "DefinePrevUserUtteredFeaturization",
    "EntitiesAdded",
}
"""Kinds of events that a conversation is made of, as a rule: none takes back an earlier one."""


NODES_DONE = "nodes_done"
"""Attribute of a message: the outputs of the graph's nodes that have run for it already."""


def spare_repeated_work() -> None:
    """To be called once, before Rasa serves."""
    check_plain_replies_quickly()
    look_up_kinds_of_events_once()
    run_graph_directly()
    copy_nothing_for_silent_logs()
    copy_trackers_without_replay()
    try_only_rules_that_can_apply()
    show_rules_the_latest_turns()
    see_once_that_the_domain_is_not_empty()
    make_default_actions_once()


def is_plain_reply(result: object) -> bool:
    """Whether what an action returned holds only messages and slots, as ours nearly always do."""
    if not isinstance(result, dict) or result.keys() != {"events", "responses"}:
        return False
    events, responses = result["events"], result["responses"]
    if not isinstance(events, list) or not isinstance(responses, list):
        return False
    return all(isinstance(response, dict) for response in responses) and all(
        isinstance(event, dict)
        and event.get("event") == "slot"
        and isinstance(event.get("name"), str)
        and "value" in event
        and isinstance(event.get("timestamp"), (int, float, type(None)))
        for event in events
    )


def check_plain_replies_quickly() -> None:
    """Check what an action returned by Rasa's schema only where it is not plainly right.

    Rasa also proves at every call that its own, constant schema is a valid one. Together they
    took half of the time of a message that runs an action.
    """
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    of_schema = validator_for(schema)
    of_schema.check_schema(schema)
    validator = of_schema(schema)

    def is_valid(_self: RemoteAction, result: object) -> bool:
        wrong = None if is_plain_reply(result) else best_match(validator.iter_errors(result))
        if wrong is not None:
            raise wrong
        return True

    RemoteAction._validate_action_result = is_valid


def look_up_kinds_of_events_once() -> None:
    """Remember which class a stored event has; Rasa walks through all classes for each event."""
    from rasa.shared.core.events import Event

    Event.resolve_by_type = staticmethod(lru_cache(maxsize=None)(Event.resolve_by_type))


def order_of_nodes(
    runner: DaskGraphRunner, targets: Tuple[Text, ...]
) -> List[Tuple[Text, List[Text]]]:
    """Each node that the targets need, after those whose outputs it takes; worked out once."""
    orders: Dict[Tuple[Text, ...], Any] = runner.__dict__.setdefault("_orders", {})
    if targets in orders:
        return orders[targets]
    schema = runner._graph_schema.minimal_graph_schema(list(targets))
    found: Dict[Text, List[Text]] = {}

    def add(name: Text) -> None:
        if name in found or name not in schema.nodes:
            return
        needs = list(schema.nodes[name].needs.values())
        for needed in needs:
            add(needed)
        found[name] = needs

    for target in targets:
        add(target)
    return orders.setdefault(targets, list(found.items()))


def run_graph_directly() -> None:
    """Call the components of the trained graph in their order.

    Rasa hands the graph to a scheduler for work on many machines, three times a message.
    What `early_reading` did for a message already is not done again.
    """
    from rasa.engine.constants import PLACEHOLDER_MESSAGE
    from rasa.engine.exceptions import GraphRunError
    from rasa.engine.runner.dask import DaskGraphRunner

    def run(
        self: DaskGraphRunner,
        inputs: Optional[Dict[Text, Any]] = None,
        targets: Optional[List[Text]] = None,
    ) -> Dict[Text, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        done: Dict[Text, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        for message in (inputs or {}).get(PLACEHOLDER_MESSAGE, ()):
            done.update(getattr(message, NODES_DONE, {}))
        try:
            for name, needs in order_of_nodes(self, wanted):
                if name not in done:
                    done[name] = self._instantiated_nodes[name](*(done.get(n, n) for n in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return {target: done[target][1] for target in wanted}

    DaskGraphRunner.run = run


def copy_nothing_for_silent_logs() -> None:
    """Spare the deep copies that Rasa makes for debug lines that nobody has switched on."""
    import rasa.core.policies.rule_policy
    import rasa.core.processor

    same = SimpleNamespace(deepcopy=lambda value: value)
    rasa.core.processor.copy = same
    rasa.core.policies.rule_policy.copy = same


def copy_trackers_without_replay() -> None:
    """Copy a conversation's state before an action as it is; Rasa replays all of its events."""
    import rasa.shared.core.trackers
    from rasa.shared.core.trackers import DialogueStateTracker

    def copy_of(self: DialogueStateTracker) -> DialogueStateTracker:
        same = copy.copy(self)
        same.events = copy.copy(self.events)
        same.slots = {name: _copy_of_slot(slot) for name, slot in self.slots.items()}
        return same

    DialogueStateTracker.copy = copy_of
    # A new one copies every slot of the domain.
    rasa.shared.core.trackers.copy = SimpleNamespace(copy=_copy_of_slot)


def try_only_rules_that_can_apply() -> None:
    """Of the dialogue's rules try those on the latest action and intent; Rasa tries all of them.

    It also looks for rules that quote a person's text, which needs a second view of the
    conversation. We have none, and where there were one, it would be looked for as before.
    """
    from rasa.core.policies.rule_policy import RULES, RulePolicy
    from rasa.shared.core.constants import (
        ACTION_LISTEN_NAME,
        PREVIOUS_ACTION,
        SHOULD_NOT_BE_SET,
        USER,
    )
    from rasa.shared.nlu.constants import ACTION_NAME, INTENT

    search = RulePolicy._find_action_from_rules

    def latest_action(state: Dict[Text, Any]) -> Tuple[Tuple[Text, Any], ...]:
        return tuple(sorted(state.get(PREVIOUS_ACTION, {}).items()))

    def intent_in(state: Dict[Text, Any]) -> Optional[Text]:
        intent = state.get(USER, {}).get(INTENT)
        return intent if intent != SHOULD_NOT_BE_SET else None

    def rules_by_latest_state(self: RulePolicy, lookup: Dict[Text, Text]) -> Dict[Any, List[Text]]:
        kept = self.__dict__.setdefault("_rules_by_latest_state", {})
        if id(lookup) not in kept:
            grouped: Dict[Any, List[Text]] = {}
            for key in lookup:
                latest = self._rule_key_to_state(key)[-1]
                grouped.setdefault((latest_action(latest), intent_in(latest)), []).append(key)
            kept[id(lookup)] = (lookup, grouped)
        return kept[id(lookup)][1]

    def possible_keys(
        self: RulePolicy, lookup: Dict[Text, Text], states: List[Dict[Text, Any]]
    ) -> Set[Text]:
        if not states:
            return set(lookup)
        grouped, action = rules_by_latest_state(self, lookup), latest_action(states[-1])
        keys = {
            key
            for intent in {intent_in(states[-1]), None}
            for key in grouped.get((action, intent), ())
        }
        for turn, state in enumerate(reversed(states)):
            keys = {key for key in keys if self._is_rule_applicable(key, turn, state)}
            if not keys:
                break
        return keys

    def every_rule_reads_an_intent(self: RulePolicy) -> bool:
        if "_reads_intents_only" not in self.__dict__:
            latest = (self._rule_key_to_state(key)[-1] for key in self.lookup[RULES])
            self._reads_intents_only = all(
                INTENT in state.get(USER, {})
                for state in latest
                if state.get(PREVIOUS_ACTION, {}).get(ACTION_NAME) == ACTION_LISTEN_NAME
            )
        return self._reads_intents_only

    def find_action(
        self: RulePolicy, tracker: Any, domain: Any, use_text_for_last_user_input: bool
    ) -> Tuple[Optional[Text], Optional[Text], bool]:
        if use_text_for_last_user_input and every_rule_reads_an_intent(self):
            return None, None, False
        return search(self, tracker, domain, use_text_for_last_user_input)

    RulePolicy._get_possible_keys = possible_keys
    RulePolicy._find_action_from_rules = find_action


def latest_states(
    tracker: DialogueStateTracker, domain: Domain, states: int
) -> Optional[List[State]]:
    """The states of a conversation's latest turns, at least the last `states` of them.

    Rasa applies every event for this, the whole conversation's at every prediction. None for a
    conversation with events that change it as a whole (restarts, rewinds, forms …).
    """
    events = list(tracker.events)
    if not all(type(event).__name__ in _ORDINARY for event in events):
        return None
    actions = 0
    for cut in range(len(events) - 1, 0, -1):
        name = getattr(events[cut], "action_name", None)
        actions += name is not None
        if actions > states and name == "action_listen":
            break
    else:
        return None
    slots: Dict[Text, Event] = {}
    for event in events[:cut]:
        if type(event).__name__ == "SessionStarted":
            slots.clear()
        elif type(event).__name__ == "SlotSet":
            slots[event.key] = event
    then = copy.copy(tracker)
    then.slots = {name: _copy_of_slot(slot) for name, slot in tracker.slots.items()}
    then._reset()
    found = []
    for event in [*slots.values(), *events[cut:]]:
        if type(event).__name__ == "ActionExecuted":
            found.append(domain.get_active_state(then))
        event.apply_to(then)
    return [*found, domain.get_active_state(then)]


def _copy_of_slot(slot: Slot) -> Slot:
    """Python's own way to copy an object takes four times as long."""
    same = object.__new__(type(slot))
    same.__dict__.update(slot.__dict__)
    return same


def show_rules_the_latest_turns() -> None:
    """Work out the states of the latest turns only: no rule looks back further than it is long."""
    from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy

    all_states = RulePolicy._prediction_states

    def longest_rule(self: RulePolicy) -> int:
        if "_longest_rule" not in self.__dict__:
            lookups = (self.lookup[RULES], self.lookup[RULES_FOR_LOOP_UNHAPPY_PATH])
            rules = (key for lookup in lookups for key in lookup)
            self._longest_rule = max(
                (len(self._rule_key_to_state(key)) for key in rules), default=1
            )
        return self._longest_rule

    def states(
        self: RulePolicy,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        **kwargs: Any,
    ) -> List[State]:
        found = latest_states(tracker, domain, longest_rule(self))
        if found is None:
            return all_states(self, tracker, domain, use_text_for_last_user_input, **kwargs)
        latest: List[State] = self.featurizer.slice_state_history(
            found, self.featurizer.max_history
        )
        self.featurizer._choose_last_user_input([latest], use_text_for_last_user_input)
        return latest

    RulePolicy._prediction_states = states


def see_once_that_the_domain_is_not_empty() -> None:
    """Remember it; Rasa makes an empty domain for each message to compare its own with."""
    from rasa.shared.core.domain import Domain

    look = Domain.is_empty

    def is_empty(self: Domain) -> bool:
        if "_seen_empty" not in self.__dict__:
            self._seen_empty = look(self)
        seen: bool = self._seen_empty
        return seen

    Domain.is_empty = is_empty


def make_default_actions_once() -> None:
    """Keep Rasa's own actions, which hold no state; it makes all of them for each look at one."""
    import rasa.core.actions.action as actions

    make = actions.default_actions
    made: Dict[int, Tuple[Optional[EndpointConfig], List[Action]]] = {}

    def default_actions(action_endpoint: Optional[EndpointConfig] = None) -> List[Action]:
        if id(action_endpoint) not in made:
            made[id(action_endpoint)] = action_endpoint, make(action_endpoint)
        return made[id(action_endpoint)][1]

    actions.default_actions = default_actions
