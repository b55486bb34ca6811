"""How long the front door waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """All in seconds."""

    give_up_reaching: float = 5.0
    """How long to try to hand a message to Rasa before saying that it can't be reached."""
    try_again: float = 0.5
    """Between two tries."""
    slow: float = 10.0
    """Without a reply for this long, the person is told that it takes longer."""
    lost: float = 30.0
    """Without a sign of life of its turn for this long, a message is handed over again."""
    finish: float = 300.0
    """How long to try to reach Rasa for a message that it has answered in part."""
    most_under_way: int = 1000
    """Messages under way; on two processors that is about a minute's work. More are refused."""
    deaf: float = 2.0
    """How often to look for a reply while other front doors may have it and cannot be heard."""
    heartbeat: float = 15.0
    """Between two signs of life on a quiet stream."""
