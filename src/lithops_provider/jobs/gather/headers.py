"""
Reads the header of a part, which is an object in which a call stores outcomes. The header has all about the items but
their results, which are pickled: Airflow's servers must not unpickle what a function has returned. The page, the tally,
and jobs that take another job's results by reference call it.
"""

from __future__ import annotations

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import DamagedPartError, Header, decode_header

#: Bytes to read first. The headers of most parts are shorter, so that one request is enough.
_FIRST_READ = 64 << 10
#: Bytes that a header can have. If the length says more, the object isn't a part.
_LONGEST_HEADER = 1 << 30
#: Bytes of the length before a frame.
_LENGTH_SIZE = frames.packed_size(b"")


def read_header(client: LithopsClient, bucket: str, key: str, items: int | None = None) -> Header | None:
    """
    Reads the header of a part.

    :param client: the client of its storage
    :param bucket: its bucket
    :param key: its key
    :param items: how many items the job has, if the indices are to be checked
    :returns: the header; None if the part is gone, since its call has replaced it
    :raises DamagedPartError: the object is no part, or is cut off
    """
    data = _read_head(client, bucket, key)
    if data is None:
        return None
    header = decode_header(data)
    if items is not None and header.index and (min(header.index) < 0 or max(header.index) >= items):
        raise DamagedPartError(f"the header of {key} is damaged: it tells of items beyond the job's {items}")
    if client.storage_backend == "localhost":  # all other storages write an object as a whole or not at all
        end = header.end()
        if end > len(data) and not client.get_range(bucket, key, end - 1, end - 1):
            raise DamagedPartError(f"{key} ends within its results")
    return header


def _read_head(client: LithopsClient, bucket: str, key: str) -> bytes | None:
    """Reads at least the first frame of a part."""
    head = client.get_range(bucket, key, 0, _FIRST_READ - 1)
    if head is None:
        return None
    end = frames.first_end(head)
    if not end:
        raise DamagedPartError(f"{key} is too short for a part")
    if end > _LONGEST_HEADER:
        raise DamagedPartError(f"{key} does not begin as a part does")
    if end > len(head):
        rest = client.get_range(bucket, key, len(head), end - 1)
        if rest is None:
            return None
        head += rest
    if end > len(head):
        raise DamagedPartError(f"{key} ends within its header")
    return head
