"""
Jobs: everything that talks to Lithops. Imports no Airflow, so a plain script can use it:

- `lithops_provider.jobs.config.resolve.resolve_config` makes a configuration, `LithopsClient` talks to its backends;
- `lithops_provider.jobs.binding.function` binds items, `make_spec` pickles them, `JobRun` sends, follows and gathers
  them;
- `LithopsJob` is the value from which any other process can go on, with `lithops_provider.jobs.wait`.
"""

from lithops_provider.jobs.job import LithopsJob, Round

__all__ = ["LithopsJob", "Round"]
