"""
Delete old jobs' data each day: of all jobs that were last sent more than ``[lithops] retention`` days ago. Where that
is not set in Airflow's configuration, nothing is deleted.
"""

from __future__ import annotations

from airflow.sdk import DAG, task


@task
def clean_old_jobs(lithops_conn_id: str = "lithops_default") -> int:
    """
    Return how many jobs there were.

    :param lithops_conn_id: the connection whose bucket is meant
    """
    from lithops_provider.hooks import LithopsHook

    return LithopsHook(lithops_conn_id).clean_older_than()


with DAG("lithops_maintenance", schedule="@daily", catchup=False):
    clean_old_jobs()
