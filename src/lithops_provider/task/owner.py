"""
Makes the name of a try of a task, as the owner of its jobs, and recognises such names. `jobs/follow/owner.py` stores
the names; `status/storage.py` and `task/durable.py` compare them with a task instance.
"""

from __future__ import annotations

import json
from typing import Any


def owner_of(ti: Any) -> str:
    """
    Returns the name of a try: the same before and after a deferral, another one in the next try.

    :param ti: the task instance
    """
    return json.dumps([ti.dag_id, ti.run_id, ti.task_id, _map_index(ti), str(ti.id), ti.try_number])


def is_try_of(owner: str, key: Any) -> bool:
    """
    Tells whether an owner is any try of a task instance.

    :param owner: the owner's name, from `owner_of`
    :param key: an object that names the task instance by ``dag_id``, ``run_id``, ``task_id`` and ``map_index``
    """
    try:
        names = json.loads(owner)
    except (ValueError, RecursionError):  # the latter if it is nested very deeply
        return False
    return isinstance(names, list) and names[:4] == [key.dag_id, key.run_id, key.task_id, _map_index(key)]


def _map_index(key: Any) -> int:
    return -1 if key.map_index is None else int(key.map_index)
