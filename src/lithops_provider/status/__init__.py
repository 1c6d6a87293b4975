"""What Airflow's servers and its command line read of jobs. Serves `ui` and `cli`."""
