"""Fan out from one Airflow task to thousands of serverless Python calls, on any cloud that Lithops reaches."""

__version__ = "0.1.0"
