"""
The trigger that waits for a job in Airflow's triggerer: it lists the job's objects now and then, and reads none of
them. Operators and the sensor are deferred to it; the listener reads the job of one whose task a user ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from lithops_provider.connection.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.follow.follower import Follower
    from lithops_provider.jobs.job import LithopsJob

__all__ = ["LithopsJobTrigger"]

#: Threads that list for all triggers of a triggerer. Few, because each competes with the event loop.
_POLL_THREADS = 2
#: Seconds for which a storage may fail before the job is given up.
_STORAGE_PATIENCE = 600.0
#: Seconds between two looks at a storage that fails, at most.
_LONGEST_DELAY = 30.0

#: Seconds over which the first looks are spread, for each trigger that waits.
_SPREAD = 0.01

#: How many triggers wait in this process.
_waiting = 0
_pool = ThreadPoolExecutor(_POLL_THREADS, thread_name_prefix="lithops-poll")
#: One client for all triggers with the same connection and settings.
_clients: dict[str, asyncio.Task[LithopsClient]] = {}


def without_credentials(lithops_config: Mapping[str, Any] | None, lithops_conn_id: str) -> dict[str, Any] | None:
    """
    Returns a Lithops configuration as a trigger may hold it: Airflow stores a trigger's arguments readably.

    :param lithops_config: what an operator was given, or None
    :param lithops_conn_id: where credentials belong, for the message
    :raises InvalidInputError: there are credentials in it
    """
    from lithops_provider.jobs.config.secrets import secret_values
    from lithops_provider.jobs.errors import InvalidInputError

    if not lithops_config:
        return None
    if secret_values(dict(lithops_config)):
        raise InvalidInputError(
            "lithops_config holds credentials, which deferrable=True would have to store readably in Airflow's "
            f"database; put them into the connection {lithops_conn_id!r}"
        )
    return dict(lithops_config)


class LithopsJobTrigger(BaseTrigger):
    """
    Waits until the last round of a job is over.

    :param lithops_conn_id: the connection; credentials come from there alone
    :param job: the job's value
    :param poll_interval: seconds between looks while the job changes, at most twice that while it doesn't
    :param arguments: settings over the connection's, without credentials, see `LithopsHook`
    :param lithops_config: Lithops configuration over the connection's, without credentials
    :param deadline: seconds since the epoch at which to stop waiting
    :param owner: who waits, see `lithops_provider.jobs.follow.owner.set_owner`; None for somebody who only
        watches the job, and stops nothing when killed
    :param state: JSON that the task needs when it goes on; it comes back in the event as it is
    :param interrupted: see `lithops_provider.jobs.follow.follower.Follower`
    :param first_look: seconds to the first look, before which there is no event, see
        `lithops_provider.task.deferral`
    """

    def __init__(
        self,
        *,
        lithops_conn_id: str,
        job: dict[str, Any],
        poll_interval: float | None = None,
        arguments: dict[str, Any] | None = None,
        lithops_config: dict[str, Any] | None = None,
        deadline: float | None = None,
        owner: str | None = None,
        interrupted: bool = False,
        state: dict[str, Any] | None = None,
        first_look: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lithops_conn_id = lithops_conn_id
        self.job = job
        self.poll_interval = poll_interval
        self.arguments = arguments
        self.lithops_config = lithops_config
        self.deadline = deadline
        self.owner = owner
        self.interrupted = interrupted
        self.state = state
        self.first_look = first_look

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Returns what another triggerer needs to go on."""
        names = (
            "lithops_conn_id",
            "job",
            "poll_interval",
            "arguments",
            "lithops_config",
            "deadline",
            "owner",
            "interrupted",
            "state",
            "first_look",
        )
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yields one event. Its ``status`` is ``over``, ``timeout`` or ``error``; ``lost`` says why calls that never
        reported are given up, ``dead`` whether these can't report any more, and ``message`` what the error is;
        ``state`` is the argument of the trigger.
        """
        from lithops_provider.jobs.follow.follower import Follower
        from lithops_provider.jobs.job import LithopsJob

        # Counted from here, not from the deferral: that was before the triggerer got the trigger in any case.
        await asyncio.sleep(self.first_look)
        try:
            job = LithopsJob.from_dict(self.job)
            client = await self._opened(job)
            interval = self.poll_interval or float(client.config["lithops"]["monitoring_interval"])
            follower = Follower(client, job, interval, interrupted=self.interrupted)
            with _counted():
                event = await self._wait(follower)
        except Exception as error:
            self.log.exception("Waiting for the job failed")
            event = {"status": "error", "message": f"{type(error).__name__}: {error}"}
        yield TriggerEvent({**event, "state": self.state})  # type: ignore[no-untyped-call]

    async def _wait(self, follower: Follower) -> dict[str, Any]:
        from lithops_provider.jobs.errors import StorageRefusedError

        # A triggerer that starts gets all its triggers at once: their looks are spread out.
        await asyncio.sleep(random.uniform(0.0, min(follower.poll_interval, _waiting * _SPREAD)))  # noqa: S311
        outage = _Outage(self.log)
        reopened = False
        while True:
            try:
                await _in_thread(follower.poll)
                outage.end()
            except StorageRefusedError:
                if reopened:
                    raise
                # The credentials may have been changed in the connection since the client was made.
                follower.client = await self._client(stale=follower.client)
                reopened = True
                continue
            except Exception as error:
                outage.failed(f"Looking at job {follower.job.executor_id}", error)
                follower.delay = min(follower.delay * 2, _LONGEST_DELAY)
            if follower.over:
                return {"status": "over", **follower.end.to_dict()}
            if self.deadline is not None and time.time() > self.deadline:
                return {"status": "timeout"}
            await asyncio.sleep(follower.delay)

    async def on_kill(self) -> None:
        """
        Stops the job when a user has ended the deferred task, by marking or clearing it. Airflow calls this from 3.3
        on, and not when a triggerer restarts. If the task's next try waits for the job by now, the job goes on.
        """
        from lithops_provider.jobs.cancel import cancel_job
        from lithops_provider.jobs.job import LithopsJob

        if self.owner is None:
            return
        job = LithopsJob.from_dict(self.job)
        client = await self._client_of(job)
        stopped = await _in_thread(lambda: cancel_job(client, job, self.owner))
        self.log.info("Job %s %s", job.executor_id, "was stopped" if stopped else "goes on: another try waits for it")

    async def _opened(self, job: LithopsJob) -> LithopsClient:
        """Returns a client that looks where the job is, also if the storage doesn't answer at first."""
        from lithops_provider.jobs.errors import StorageUnavailableError

        outage, delay = _Outage(self.log), 1.0
        while True:
            try:
                await self._client()
                break
            except StorageUnavailableError as error:
                outage.failed("Opening the storage", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY)
        return await self._client_of(job)

    async def _client_of(self, job: LithopsJob) -> LithopsClient:
        """Returns a client that looks where the job is: the connection may have been changed since it was opened."""
        from lithops_provider.jobs.errors import StorageUnavailableError

        client = await self._client()
        try:
            client.check_holds(job)
        except StorageUnavailableError:
            client = await self._client(stale=client)
            client.check_holds(job)
        return client

    async def _client(self, stale: LithopsClient | None = None) -> LithopsClient:
        key = repr(self._connection)
        task = _clients.get(key)
        if task is None or (task.done() and (_failed(task) or task.result() is stale)):
            task = _clients[key] = asyncio.ensure_future(self._open_client())
        return await asyncio.shield(task)

    @property
    def _connection(self) -> ConnectionSettings:
        return ConnectionSettings(self.lithops_conn_id, self.lithops_config, self.arguments or {})

    async def _open_client(self) -> LithopsClient:
        from lithops_provider.hooks import LithopsHook
        from lithops_provider.jobs.client import LithopsClient

        hook = LithopsHook.from_settings(self._connection)
        client = LithopsClient(await hook.aget_config(), patience=0.0)
        await _in_thread(lambda: client.bucket)  # opens the storage
        return client


class _Outage:
    """
    Keeps count of how long the storage has failed, if it has.

    :param log: gets a warning when an outage begins
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._since: float | None = None

    def failed(self, what: str, error: Exception) -> None:
        """
        Notes that a request has failed.

        :param what: what the request was for, in words
        :param error: how it failed; it is raised if all requests have failed for `_STORAGE_PATIENCE`
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._log.warning("%s failed, trying again: %r", what, error)
        if now - self._since > _STORAGE_PATIENCE:
            raise error

    def end(self) -> None:
        """Notes that the storage has answered."""
        self._since = None


def _failed(task: asyncio.Task[LithopsClient]) -> bool:
    return task.cancelled() or task.exception() is not None


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    """Counts a trigger among those that wait."""
    global _waiting
    _waiting += 1
    try:
        yield
    finally:
        _waiting -= 1


async def _in_thread(action: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_pool, action)
