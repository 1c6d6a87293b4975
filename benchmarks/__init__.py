"""What a task through Lithops costs, beside what else Airflow users have; ``python -m benchmarks --help``."""
