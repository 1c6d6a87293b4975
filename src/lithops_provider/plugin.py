"""
The plugin that all of Airflow's processes load when they start: it has Airflow hide Lithops's credentials, gives the
API server the page, and registers the listener.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from lithops_provider import listener
from lithops_provider.jobs.config.secrets import HIDDEN_NAMES
from lithops_provider.links import PAGE_ROUTE

#: Where the API server mounts the app, under its own address.
PREFIX = "lithops"


def hide_credentials() -> None:
    """
    Makes Airflow hide the values of keys that are credentials to Lithops, and that Airflow doesn't know as such:
    ``storage_account_key``, for instance.

    Airflow hides values by the names of their keys, in REST answers about connections and in rendered fields.
    ``[core] sensitive_var_conn_names`` could add names, but a package can't set it. Airflow has two maskers,
    one for its servers and one for tasks (airflow/settings.py, `_configure_secrets_masker`, 3.1 to 3.3). Neither has a
    public way to add names of keys: `mask_secret` adds values, and only those that are known already.
    """
    from airflow._shared.secrets_masker import _secrets_masker as server_masker
    from airflow.sdk._shared.secrets_masker import _secrets_masker as task_masker

    for masker in (server_masker(), task_masker()):
        known = masker.sensitive_variables_fields
        masker.sensitive_variables_fields = [*known, *(name for name in HIDDEN_NAMES if name not in known)]


class LithopsPlugin(AirflowPlugin):
    """What the package adds to Airflow itself."""

    name = "lithops"

    listeners = [listener]  # noqa: RUF012 - Airflow's own declaration is no class variable

    #: The page, in Airflow's own frame: a tab of each task instance, and an entry in the navigation. Without a slash
    #: at their beginning the addresses follow `[api] base_url`.
    external_views = [  # noqa: RUF012 - Airflow's own declaration is no class variable
        {
            "name": "Lithops job",
            "href": f"{PREFIX}/job/{{DAG_ID}}/{{RUN_ID}}/{{TASK_ID}}/{{MAP_INDEX}}",
            "destination": "task_instance",
            "url_route": PAGE_ROUTE,
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
        {
            "name": "Lithops jobs",
            "href": f"{PREFIX}/jobs",
            "destination": "nav",
            "category": "browse",
            "url_route": "lithops-jobs",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
    ]

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The app behind the page. Only the API server asks for it: FastAPI is nothing for the other processes."""
        from lithops_provider.ui.app import create_app

        return [{"app": create_app(), "url_prefix": f"/{PREFIX}", "name": "Lithops jobs"}]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called once in each process that loads plugins."""
        hide_credentials()
