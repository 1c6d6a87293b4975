"""Reads jobs for Airflow's servers (`ui`) and for its command line (`cli`)."""
