"""The page in Airflow's web interface. Airflow's API server runs it; plugin.py alone imports it."""
