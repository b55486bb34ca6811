"""Makes the choice of a rule cheaper: what Rasa works out anew at each prediction is kept.

The rule chosen is the same. `docs/speed.md` has what it spared.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, Text, Tuple

if TYPE_CHECKING:
    from rasa.core.policies.rule_policy import RulePolicy
    from rasa.shared.core.domain import Domain, State
    from rasa.shared.core.events import Event
    from rasa.shared.core.slots import Slot
    from rasa.shared.core.trackers import DialogueStateTracker

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

_REPLAYED = "_replayed"
"""Attribute of a conversation: what was applied for the last prediction."""


def are_ordinary(events: Iterable[Event]) -> bool:
    """Whether none of these events takes back an earlier one."""
    return all(type(event).__name__ in _ORDINARY for event in events)


def copy_of_slot(slot: Slot) -> Slot:
    """Python's own way to copy an object takes four times as long."""
    same = object.__new__(type(slot))
    same.__dict__.update(slot.__dict__)
    return same


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


class _Replayed:
    """A conversation as far as it was applied for a prediction; the next one goes on from there."""

    def __init__(self, then: DialogueStateTracker, seen: deque[Event], applied: int) -> None:
        self.then, self.seen, self.applied = then, seen, applied
        self.before_actions: List[State] = []

    def go_on(self, domain: Domain) -> bool:
        """Apply what was not; False for events that change the conversation as a whole."""
        new = list(itertools.islice(self.seen, self.applied, None))
        if not are_ordinary(new):
            return False
        for event in new:
            if type(event).__name__ == "ActionExecuted":
                self.before_actions.append(domain.get_active_state(self.then))
            event.apply_to(self.then)
            if type(event).__name__ == "SessionStarted":
                self.before_actions.clear()
        self.applied += len(new)
        return True


def latest_states(
    tracker: DialogueStateTracker, domain: Domain, states: int
) -> Optional[List[State]]:
    """The states of a conversation's latest turns, at least the last `states` of them.

    Rasa applies every event for this, the whole conversation's at every prediction. None for a
    conversation with events that change it as a whole (restarts, rewinds, forms …).
    """
    replayed: Optional[_Replayed] = tracker.__dict__.get(_REPLAYED)
    # A copy of a tracker has events of its own.
    if replayed is None or replayed.seen is not tracker.events:
        replayed = _replayed_before(tracker, states)
    if replayed is None or not replayed.go_on(domain):
        return None
    tracker.__dict__[_REPLAYED] = replayed
    found = [*replayed.before_actions, domain.get_active_state(replayed.then)]
    # Rasa takes out of them what a policy does not look at.
    return [{part: dict(values) for part, values in state.items()} for state in found]


def _replayed_before(tracker: DialogueStateTracker, states: int) -> Optional[_Replayed]:
    """The conversation as it was before its latest turns, which have that many states."""
    events = list(tracker.events)
    if not are_ordinary(events):
        return None
    actions = 0
    for cut in range(len(events) - 1, -1, -1):
        event = events[cut]
        actions += type(event).__name__ == "ActionExecuted"
        if actions > states and getattr(event, "action_name", None) == "action_listen":
            break
        if type(event).__name__ == "SessionStarted":
            cut += 1
            break
    else:
        cut = 0
    slots: Dict[Text, Event] = {}
    for event in events[:cut]:
        if type(event).__name__ == "SessionStarted":
            slots.clear()
        elif type(event).__name__ == "SlotSet":
            slots[event.key] = event
    then = copy.copy(tracker)
    then.slots = {name: copy_of_slot(slot) for name, slot in tracker.slots.items()}
    then._reset()
    for event in slots.values():
        event.apply_to(then)
    return _Replayed(then, tracker.events, cut)


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
