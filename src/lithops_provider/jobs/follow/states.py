"""What whoever follows a job passes on: how a round ended, and what its run remembers while somebody else looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RoundEnd:
    """
    How a round ended, from the last look at it.

    :param lost: why calls that never reported are given up; None if there are none
    :param dead: whether those can't report any more, so that nothing runs twice if it is sent again
    """

    lost: str | None = None
    dead: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, for a trigger's event."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RoundEnd:
        """Reads what `to_dict` returned, among other things."""
        return cls(value["lost"], value["dead"])


@dataclass(frozen=True)
class RunState:
    """
    What a run of a job must remember when another process goes on with it in the same try of a task.

    :param since: number of the first round of this try: what failed in earlier ones is sent again in any case
    :param memory: MB of the next round, if it was raised
    """

    since: int
    memory: int | None = None
