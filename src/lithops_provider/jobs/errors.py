"""
What can go wrong with a job: the exceptions that `jobs/` raises, for every other part of the package to catch, and
`Failure`, which says why one item failed.

::

    LithopsJobError
    ├── InvalidInputError         a parameter is wrong; nothing was sent (also a ValueError)
    │   ├── ConfigurationError    the Lithops configuration is wrong
    │   ├── NotPortableError      a function or an item can't be shipped to the functions
    │   └── UnfitRuntimeError     the runtime lacks a module, or has another Python or Lithops
    ├── SubmitError               the backend took the job only partly, or not at all
    ├── ItemsFailedError          more items failed than the job allows
    ├── UpstreamFailedError       items of a job whose results are wanted have failed
    ├── JobTimeoutError           the job passed its own deadline (also a TimeoutError)
    ├── JobCancelledError         somebody cancelled the job
    ├── PrefixTakenError          another run has written files where this one did
    └── StorageUnavailableError   the storage did not answer, or lost the job's data
        └── StorageRefusedError   it did not take the credentials, or its disk is full or read-only
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Failure:
    """
    Why an item failed.

    :param index: the item's index
    :param item: its arguments, shortened
    :param type: name of the exception's class; ``ProcessDiedError`` if it took its process down
    :param message: the exception's text
    :param traceback: the traceback as text, from the process in which the function ran
    :param final: whether the function raised AirflowFailException; the item isn't sent again then
    """

    index: int
    item: str
    type: str
    message: str
    traceback: str
    final: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON."""
        return asdict(self)


class LithopsJobError(Exception):
    """Base of all errors that this package raises."""


class InvalidInputError(LithopsJobError, ValueError):
    """A parameter is wrong. Raised before anything is sent, so trying again can't help."""


class ConfigurationError(InvalidInputError):
    """The Lithops configuration is wrong; the message names its source, the key and what is expected."""


class NotPortableError(InvalidInputError):
    """A function or an item can't be shipped to the functions; the message names what holds it back."""


class UnfitRuntimeError(InvalidInputError):
    """The runtime can't run the job; the message says what it has, what is missing and what to do."""


class SubmitError(LithopsJobError):
    """The backend did not take the job, or only a part of it."""


class ItemsFailedError(LithopsJobError):
    """
    More items failed than the job allows.

    :param message: what happened, with the first failures
    :param failures: all failures, in order of the items
    :param total: number of items of the job
    :param final: whether so many items failed for good, see `Failure`, that a retry of the task can't help
    """

    def __init__(self, message: str, failures: Sequence[Failure] = (), total: int = 0, *, final: bool = False) -> None:
        super().__init__(message)
        self.failures = list(failures)
        self.total = total
        self.final = final


class UpstreamFailedError(LithopsJobError):
    """Items of a job whose results are to be an argument have failed."""


class JobTimeoutError(LithopsJobError, TimeoutError):
    """The job passed its own deadline."""


class JobCancelledError(LithopsJobError):
    """The job was cancelled while its results were waited for."""


class PrefixTakenError(LithopsJobError):
    """Another run has begun to write files under the prefix of ``results_to`` while this one did."""


class StorageUnavailableError(LithopsJobError):
    """The storage did not answer for too long, or the job's data is gone from it."""


class StorageRefusedError(StorageUnavailableError):
    """
    The storage did not take the credentials, or they don't allow what was wanted, or its disk is full or read-only.
    Raised without retrying: waiting does not help.
    """
