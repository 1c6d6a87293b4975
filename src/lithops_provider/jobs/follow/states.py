"""
Values about a job that are handed from process to process: how a round ended, which a trigger tells the task in its
event, and what a task's run must remember while it is deferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Why calls are given up that don't report after their round was stopped.
STOPPED = "the job was cancelled"


@dataclass(frozen=True)
class RoundEnd:
    """
    How a round ended, as the last look at it found.

    :param lost: why calls that haven't reported are given up; None if all have
    :param dead: whether those calls have certainly ended, so that their items can be sent again and don't run twice
    """

    lost: str | None = None
    dead: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, for a trigger's event."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RoundEnd:
        """Makes a `RoundEnd` of a dict that has what `to_dict` returned, among other keys."""
        return cls(value["lost"], value["dead"])


@dataclass(frozen=True)
class RunState:
    """
    What a run of a job must remember when another process goes on with it in the same try of a task.

    :param since: number of the first round of this try: items that failed in earlier tries are always sent again
    :param memory: MB of memory for the next round, if it was raised; else None
    """

    since: int
    memory: int | None = None
