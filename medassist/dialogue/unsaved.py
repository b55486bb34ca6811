"""Conversations that the database did not take, until it does."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Text

from rasa.shared.core.trackers import DialogueStateTracker


class Stored:
    """How many of a tracker's events the database holds; one count for a tracker and its copies.

    `times_erased` is how often the conversation had been erased when it was read; None if that is
    not known yet.
    """

    ATTRIBUTE = "events_stored"

    def __init__(self, count: int, times_erased: Optional[int] = None) -> None:
        self.count, self.times_erased = count, times_erased

    @classmethod
    def of(cls, tracker: DialogueStateTracker) -> Optional["Stored"]:
        """The count of a tracker that was read here, None of any other."""
        found = getattr(tracker, cls.ATTRIBUTE, None)
        return found if isinstance(found, cls) else None

    def put_on(self, tracker: DialogueStateTracker) -> None:
        """Make this the count of a tracker."""
        setattr(tracker, self.ATTRIBUTE, self)


class Unsaved:
    """Trackers with turns that are stored nowhere yet. They are lost if this process ends.

    A turn that comes meanwhile works on a copy, so that one that breaks changes nothing here.
    """

    def __init__(self) -> None:
        self._kept: Dict[Text, DialogueStateTracker] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[DialogueStateTracker]:
        return iter(list(self._kept.values()))

    def keep(self, tracker: DialogueStateTracker) -> None:
        """Keep a tracker as it is now."""
        self._kept[tracker.sender_id] = _copy(tracker)

    def copy_of(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The conversation with its unsaved turns; None when it has none."""
        kept = self._kept.get(sender_id)
        return _copy(kept) if kept is not None else None

    def drop(self, sender_id: Text) -> None:
        """It is stored now, or erased."""
        self._kept.pop(sender_id, None)


def _copy(tracker: DialogueStateTracker) -> DialogueStateTracker:
    copy = tracker.copy()
    stored = Stored.of(tracker)
    if stored is not None:
        stored.put_on(copy)
    return copy
