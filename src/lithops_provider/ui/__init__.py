"""The page in Airflow's web interface: what its API server needs. Nothing else may import it."""
