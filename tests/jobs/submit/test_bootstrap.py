"""The wrapper, as it arrives where functions run."""

from __future__ import annotations

import json
import marshal
import pickle
import sys
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_function, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.inputs.by_key import ReduceByKey
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.results import current_parts, read_outcomes
from lithops_provider.jobs.submit import bootstrap
from lithops_provider.jobs.submit.imports import all_imports
from lithops_provider.jobs.submit.items import dump_items
from lithops_provider.jobs.submit.payload import dump_function, dump_wrapper
from tests.programs import run_python


def test_the_payload_of_a_plain_function_is_small_and_does_not_drag_anything_in() -> None:
    wrapper = dump_wrapper(dump_function(bind_function(lambda x: x + 1)), {})

    # What is beside our own code, whose compressed size depends on the machine's zlib and Python.
    assert len(wrapper) - len(bootstrap.remote_code()) < 10_000
    checkout = str(Path(__file__).parents[3]).encode()  # code knows its files, whose folder may have the name in it
    assert b"airflow" not in wrapper.replace(checkout, b"")
    modules = marshal.loads(zlib.decompress(bootstrap.remote_code()))
    imported = {name for _, code in modules for name in all_imports(code)}
    assert "json" in imported
    assert not {name for name in imported if name.partition(".")[0] == "airflow"}


def test_an_installation_that_lacks_a_module_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_MODULES", ("no_such_module",))

    with pytest.raises(ModuleNotFoundError, match=r"lacks jobs/remote/no_such_module\.py"):
        bootstrap.remote_code.__wrapped__()


_WORKER = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lithops_provider", "airflow"):
            raise ModuleNotFoundError(f"the runtime has no {name}")

sys.meta_path.insert(0, Refuse())
import json, pickle
from lithops.storage import Storage

wrapper, call, config = pickle.load(sys.stdin.buffer)
for turn in range(2):  # a warm container runs several calls
    summary = pickle.loads(wrapper)(call=call, storage=Storage(config=config))
assert "lithops_provider" not in sys.modules
print(json.dumps(summary))
"""


@pytest.mark.parametrize("by_key", [False, True], ids=["a map", "a map of a reduce by key"])
def test_the_wrapper_needs_nothing_of_ours_in_the_runtime(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, by_key: bool
) -> None:
    prefix = f"lithops.jobs/{uuid.uuid4().hex[:16]}-0-M000"

    def look(x: int, id: int, storage: Any) -> Any:
        ours = sorted(name for name in sys.modules if name.startswith("lithops_provider"))
        return [((x, id), (storage.backend, ours))]

    reduction = ReduceByKey(lambda key, values: None)
    binding, items = bind_items(reduction.map_function(look) if by_key else look, [10, 20])
    blob = frames.pack(dump_items(binding, items).blocks)
    client.put(f"{prefix}/items", blob)
    settings = {
        **{"bucket": client.bucket, "job_prefix": prefix, "items_key": f"{prefix}/items", "stop_key": f"{prefix}/stop"},
        **{
            "timeout": 60.0,
            "limit": 100.0,
            "flush": 3.0,
            "part_size": 1 << 20,
            "output_limit": 1000,
            "once": False,
            "marked": True,
        },
    }
    call = {"call_id": "00000", "indices": range(2), "span": (0, len(blob) - 1)}
    wrapper = dump_wrapper(dump_function(binding), settings, reduces=by_key)

    printed = run_python(
        _WORKER,
        given=pickle.dumps((wrapper, call, client.config)),
        environment={"LITHOPS_CONFIG": json.dumps(client.config)},
        folder="/",
    )

    assert json.loads(printed) == {"done": 2, "failed": 0, "left": 0}
    parts = current_parts(client.keys(client.bucket, f"{prefix}/00000/"))
    outcomes = read_outcomes(client.storage, client.bucket, parts, [])
    assert [pickle.loads(outcomes[index].result or b"") for index in range(2)] == [
        [((10, 0), ("localhost", []))],
        [((20, 1), ("localhost", []))],
    ]
