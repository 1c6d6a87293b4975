"""A generator as an operator's argument."""

from __future__ import annotations

import re

from airflow.sdk import DAG

from lithops_provider.decorators import lithops_map
from lithops_provider.task.generators import freeze_generator


def scale(x: int) -> int:
    return x * 2


def test_a_generator_as_items_has_the_same_text_at_each_parse() -> None:
    from airflow.serialization import serialized_objects

    # Until Airflow 3.1 its other half was the same class.
    serializer = getattr(serialized_objects, "DagSerialization", serialized_objects.SerializedDAG)

    def serialized() -> str:
        with DAG("generator", schedule=None) as dag:
            lithops_map(scale)(n for n in range(3))
            lithops_map(scale, task_id="by_name").function
        return re.sub(r"'_processor_dags_folder': [^,]*", "", str(serializer.to_dict(dag)["dag"]["tasks"]))

    assert "0x" not in serialized()
    assert repr(freeze_generator(n for n in range(3))) == "<generator>"  # Airflow 3.1 asks for this one within lists
    assert serialized() == serialized()
