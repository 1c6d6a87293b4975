"""
Where Airflow 3.3 looks for the example DAGs of this distribution: it derives the name of a provider's module from the
name of its distribution, and logs an error with a traceback where there is none. In the wheel, the repository's
``example_dags`` lie beside this file. The code is in `lithops_provider`.
"""
