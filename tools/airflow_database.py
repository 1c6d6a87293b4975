"""What is written into Airflow's database behind its back."""

from __future__ import annotations

_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def record_death(sql_alchemy_conn: str, component: str) -> None:
    """
    Record that a component was killed, as whoever killed it knows.

    Airflow itself would learn it from late heartbeats, after a time that has to be longer than any machine is slow.

    :param sql_alchemy_conn: the database
    :param component: the component; of one that Airflow doesn't watch, nothing is recorded
    """
    if component not in _JOB_TYPES:
        return
    import sqlalchemy

    statement = (
        "UPDATE job SET state = 'failed', end_date = CURRENT_TIMESTAMP WHERE job_type = :kind AND state = 'running'"
    )
    engine = sqlalchemy.create_engine(sql_alchemy_conn)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement), {"kind": _JOB_TYPES[component]})
    engine.dispose()
