"""The executor: Airflow's own tasks, wherever Lithops runs functions. Airflow's scheduler loads it by its name."""

from __future__ import annotations

from lithops_provider.executors.lithops_executor import LithopsExecutor

__all__ = ["LithopsExecutor"]
