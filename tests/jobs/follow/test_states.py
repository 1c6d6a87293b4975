"""How a round ended is told from process to process."""

from __future__ import annotations

import json

import pytest

from lithops_provider.jobs.follow.states import RoundEnd


@pytest.mark.parametrize("end", [RoundEnd(), RoundEnd("the job was cancelled"), RoundEnd("it is gone", dead=True)])
def test_an_event_tells_it_among_other_things(end: RoundEnd) -> None:
    event = json.loads(json.dumps({"status": "over", **end.to_dict()}))

    assert RoundEnd.from_dict(event) == end
