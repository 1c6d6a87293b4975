"""
The hook: the configuration of a connection of type ``lithops``, and what can be done by it with a job's value.
Operators, the sensor, the trigger and users' own tasks call it.
"""

from __future__ import annotations

import asyncio
import copy
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from lithops_provider.connection.check import check_connection, check_function
from lithops_provider.connection.extra import connection_config, what_to_test
from lithops_provider.connection.retention import configured_retention
from lithops_provider.connection.settings import DEFAULT_CONN_ID, ConnectionSettings
from lithops_provider.get_provider_info import get_provider_info
from lithops_provider.jobs.config.secrets import secret_values
from lithops_provider.jobs.errors import ConfigurationError

if TYPE_CHECKING:
    import functools
    from collections.abc import Callable, Iterator, Mapping
    from datetime import timedelta

    from airflow.sdk import Connection

    from lithops_provider.jobs.client import LithopsClient

__all__ = ["LithopsHook"]


class LithopsHook(BaseHook):
    """
    Returns the Lithops configuration that a connection holds, with a task's settings over it, and works on jobs that
    were sent before, by their values: waits for one, gathers its results, cancels it, deletes its data.

    :param lithops_conn_id: the connection. ``lithops_default`` may be missing: then Lithops's own
        configuration files apply, and without these, localhost
    :param lithops_config: Lithops configuration over the connection's, merged section by section
    :param arguments: settings over both, see `lithops_provider.jobs.config.resolve.ARGUMENTS`; None means not given
    """

    conn_name_attr = "lithops_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "lithops"
    hook_name = "Lithops"

    def __init__(
        self,
        lithops_conn_id: str = default_conn_name,
        lithops_config: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__()
        self.lithops_conn_id = lithops_conn_id
        self.lithops_config = lithops_config
        self.arguments = arguments
        self._config: dict[str, Any] | None = None

    @classmethod
    def from_settings(cls, settings: ConnectionSettings) -> LithopsHook:
        """
        Returns the hook for settings. Tasks, triggers and Airflow's servers make theirs so.

        :param settings: the connection, and what is set over it
        """
        return cls(settings.lithops_conn_id, settings.lithops_config, **settings.arguments)

    def get_config(self) -> dict[str, Any]:
        """
        Returns the complete Lithops configuration, and has its secrets masked in the log.

        :raises ConfigurationError: it is wrong; the message names the source, the key and what is expected
        """
        if self._config is None:
            from airflow.sdk.log import mask_secret

            connection: Connection | None = None
            try:
                connection = self.get_connection(self.lithops_conn_id)
            except AirflowNotFoundException:
                self._check_may_be_missing()
            given = self._given(connection)
            mask_secret([*self._secrets(given)])  # before an error could quote them
            self._config = self._resolve(given)
            mask_secret([*secret_values(self._config)])
        return copy.deepcopy(self._config)

    async def aget_config(self) -> dict[str, Any]:
        """Does what `get_config` does, without blocking the event loop: for triggers."""
        if self._config is None:
            connection: Connection | None = None
            try:
                connection = await self.aget_connection(self.lithops_conn_id)
            except AirflowNotFoundException:
                self._check_may_be_missing()
            given = await asyncio.to_thread(self._given, connection)
            await _amask_secret(self._secrets(given))
            self._config = await asyncio.to_thread(self._resolve, given)
            await _amask_secret(secret_values(self._config))
        return copy.deepcopy(self._config)

    def test_connection(self) -> tuple[bool, str]:
        """
        Tells whether the connection works, and why not: writes, reads and deletes an object in its bucket, and runs a
        function if the connection's field ``test`` says so.

        Where jobs would make the bucket, the test makes it too.
        """
        try:
            config = self.get_config()
            found = check_connection(config)
            if self._is_function_tested():
                found += check_function(self.get_client())
            return True, found
        except Exception as error:
            # Airflow tests a copy under an id that it makes up, which would only puzzle people.
            message = (str(error) or type(error).__name__).removeprefix(f"connection {self.lithops_conn_id!r}: ")
            for secret in sorted(secret_values(self._config or {}), key=len, reverse=True):
                message = message.replace(secret, "***")
            return False, message

    def get_client(self) -> LithopsClient:
        """Returns the client, which talks to the compute backend and to the storage of the configuration."""
        from lithops_provider.jobs.client import LithopsClient

        return LithopsClient(self.get_config())

    def wait_for_job(
        self, job: Mapping[str, Any], *, poll_interval: float | None = None, timeout: float | None = None
    ) -> None:
        """
        Waits until a job is over, whether its items succeeded or not.

        :param job: its value, as an operator with ``async_invoke=True`` returns it
        :param poll_interval: seconds between looks; None for Lithops's ``monitoring_interval``
        :param timeout: seconds to wait at most
        :raises JobTimeoutError: the job isn't over by then; it goes on
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.wait import wait_for_job

        wait_for_job(self.get_client(), LithopsJob.from_dict(job), poll_interval=poll_interval, timeout=timeout)

    def gather_job(self, job: Mapping[str, Any], *, min_success_ratio: float = 1.0) -> list[Any]:
        """
        Returns the results of a job that is over, in the order of its items, with None for an item that failed.

        :param job: its value
        :param min_success_ratio: share of items that have to have succeeded
        :raises ItemsFailedError: fewer items have succeeded
        :raises StorageUnavailableError: the job's data is gone
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.wait import gather_results

        return gather_results(self.get_client(), LithopsJob.from_dict(job), min_success_ratio=min_success_ratio)

    def iter_results(
        self,
        job: Mapping[str, Any],
        *,
        throw_except: bool = True,
        poll_interval: float | None = None,
        timeout: float | None = None,
    ) -> Iterator[tuple[int, Any]]:
        """
        Yields the index and the result of each item as calls store them, until the job is over. Each item is yielded
        once; the order is that in which they arrive. Only a few parts of the results are in memory at a time.

        :param job: its value, as an operator with ``async_invoke=True`` returns it
        :param throw_except: whether the first item that failed ends the iteration with an error; if not, a
            `lithops_provider.jobs.errors.Failure` is yielded in the place of the item's result
        :param poll_interval: seconds between looks; None for Lithops's ``monitoring_interval``
        :param timeout: seconds to wait at most for the job to be over
        :raises ItemsFailedError: an item failed, or never ran
        :raises JobTimeoutError: the job isn't over by then; it goes on
        :raises StorageUnavailableError: the job's data is gone
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.wait import iter_results

        value = LithopsJob.from_dict(job)
        return iter_results(
            self.get_client(), value, throw_except=throw_except, poll_interval=poll_interval, timeout=timeout
        )

    def check_job(self, job: Mapping[str, Any], *, min_success_ratio: float = 1.0) -> None:
        """
        Checks that enough items of a job that is over have succeeded, as `gather_job` does, but leaves its results in
        storage.

        :param job: its value
        :param min_success_ratio: share of items that have to have succeeded
        :raises ItemsFailedError: fewer items have succeeded
        :raises StorageUnavailableError: the job's data is gone
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.wait import check_results

        check_results(self.get_client(), LithopsJob.from_dict(job), min_success_ratio=min_success_ratio)

    def reduce_job(
        self, job: Mapping[str, Any], reduce_function: Callable[..., Any], extra_args: Any = None, **parameters: Any
    ) -> Any:
        """
        Reduces the results of a job that is over, by a job of its own, and returns the result of that.

        :param job: its value
        :param reduce_function: its first parameter gets the list of results; with ``reduce_by_key``, its first two a
            key and its values
        :param extra_args: more arguments for ``reduce_function``
        :param parameters: ``reduce_fan_in``, ``reduce_by_key``, ``reducers``, ``combine_function``, see
            `LithopsMapReduceOperator`
        :raises ItemsFailedError: a call of the function failed
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.inputs.choose import choose_reduction
        from lithops_provider.jobs.run import reduce_job

        reduction = choose_reduction(reduce_function, extra_args, **parameters)
        return reduce_job(self.get_client(), LithopsJob.from_dict(job), reduction)

    def load_item(self, job: Mapping[str, Any], index: int) -> functools.partial[Any]:
        """
        Returns the function of a job with the arguments that an item had, to be called here, in a debugger for
        instance. This unpickles what was stored when the job was sent.

        :param job: its value
        :param index: the item's index
        :raises StorageUnavailableError: the job's data is gone
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.inputs.reproduce import load_item

        return load_item(self.get_client(), LithopsJob.from_dict(job), index)

    def cancel_job(self, job: Mapping[str, Any]) -> None:
        """
        Stops a job.

        :param job: its value
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.cancel import cancel_job

        cancel_job(self.get_client(), LithopsJob.from_dict(job))

    def clean_job(self, job: Mapping[str, Any]) -> int:
        """
        Deletes a job's data.

        :param job: its value
        :returns: how many objects there were
        """
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.clean import clean_job

        return clean_job(self.get_client(), LithopsJob.from_dict(job))

    def clean_older_than(self, age: timedelta | None = None) -> int:
        """
        Deletes the data of all jobs of this package in the bucket that were sent before some time, and cached results
        that were made before it.

        :param age: how long ago that was at least; None for ``[lithops] retention``, without which nothing is deleted
        :returns: the data of how many jobs was deleted
        """
        from lithops_provider.jobs.clean import clean_older_than

        if age is None and (age := configured_retention()) is None:
            self.log.warning("Nothing is deleted: [lithops] retention is not set in Airflow's configuration")
            return 0
        return clean_older_than(self.get_client(), age.total_seconds())

    def clear_cache(self, age: timedelta | None = None) -> int:
        """
        Deletes the results that ``cache=True`` has put into the bucket.

        :param age: how old a result must be at least to be deleted; None deletes all
        :returns: the results of how many runs of tasks were deleted
        """
        from lithops_provider.jobs.submit.cache.entries import clear_cache

        return clear_cache(self.get_client(), 0.0 if age is None else age.total_seconds())

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Returns the form's fields for Airflow 3.1; later ones take them from `get_provider_info`."""
        # Not by import statements: these packages come with Airflow's FAB provider, which this package doesn't depend
        # on and type checkers need not find.
        wtforms, validators = import_module("wtforms"), import_module("wtforms.validators")
        lazy_gettext = import_module("flask_babel").lazy_gettext
        fieldwidgets = import_module("flask_appbuilder.fieldwidgets")
        widgets = {}
        for name, field in _connection_type()["conn-fields"].items():
            schema = field["schema"]
            checks = [validators.Optional()]
            if "enum" in schema:
                checks.append(validators.any_of(schema["enum"]))
            field_class = wtforms.IntegerField if "integer" in schema["type"] else wtforms.StringField
            widgets[name] = field_class(
                lazy_gettext(field["label"]),
                validators=checks,
                description=field["description"],
                widget=fieldwidgets.BS3TextFieldWidget(),
            )
        return widgets

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Returns how the form shows the other fields, for Airflow 3.1."""
        behaviour = _connection_type()["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def _is_function_tested(self) -> bool:
        try:
            return what_to_test(self.get_connection(self.lithops_conn_id)) == "function"
        except AirflowNotFoundException:
            return False

    def _check_may_be_missing(self) -> None:
        """Raises an error unless it is the default connection that doesn't exist."""
        conn_id = self.lithops_conn_id
        if (variable := f"AIRFLOW_CONN_{conn_id.upper()}") in os.environ:
            # Airflow takes a connection that it can't parse for a missing one.
            raise ConfigurationError(
                f"connection {conn_id!r}: the environment variable {variable} can't be read; it must be a "
                'JSON object, {"conn_type": "lithops", "extra": {...}}, or a URI, lithops://?backend=k8s'
            )
        if conn_id != self.default_conn_name:
            raise ConfigurationError(
                f"connection {conn_id!r} doesn't exist; add it, of type {self.conn_type!r}, or leave out "
                f"lithops_conn_id: without a connection {self.default_conn_name!r}, Lithops's own "
                "configuration files apply"
            )

    def _given(self, connection: Connection | None) -> dict[str, dict[str, Any]]:
        """Returns the connection's configuration, which is empty for one that doesn't exist."""
        return connection_config(connection) if connection else {}

    def _secrets(self, given: Mapping[str, Any]) -> list[str]:
        return secret_values({"connection": given, "lithops_config": self.lithops_config or {}})

    def _resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        from lithops_provider.jobs.config.resolve import resolve_config

        source = f"connection {self.lithops_conn_id!r}"
        return resolve_config(given, self.lithops_config, self.arguments, source=source)


def _connection_type() -> dict[str, Any]:
    found: dict[str, Any] = get_provider_info()["connection-types"][0]
    return found


async def _amask_secret(secrets: list[str]) -> None:
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:  # before Airflow 3.3
        from airflow.sdk.log import mask_secret
        from asgiref.sync import sync_to_async

        await sync_to_async(mask_secret)(list(secrets))
    else:
        await amask_secret(list(secrets))
