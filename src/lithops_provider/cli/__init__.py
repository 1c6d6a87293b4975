"""The commands ``airflow lithops jobs ...``, from Airflow 3.2 on."""
