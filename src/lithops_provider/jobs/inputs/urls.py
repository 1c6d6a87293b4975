"""
Asks a web server for the size of what is at a URL, and whether it can be read in chunks. objects.py calls it for each
URL among the paths of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import ObjectChunk

#: Seconds that a server may take to answer.
_TO_ANSWER = 30
#: Statuses by which a server says that it can't answer for now.
_NOT_NOW = (408, 425, 429, 500, 502, 503, 504)
#: Digits of a size at most.
_LONGEST_SIZE = 18


def look_at_url(url: str, where: str) -> ObjectChunk:
    """
    Returns what is at a URL.

    :param url: begins with ``http://`` or ``https://``
    :param where: the parameter or item that has the URL, for messages
    :returns: the object as a whole. Its ``version`` is None if the server doesn't tell any; ``whole`` is True if the
        server has no ranges, so that the object can't be read in chunks
    :raises InvalidInputError: it is no URL, or the server has nothing there, or it doesn't tell the size
    :raises StorageUnavailableError: the server doesn't answer, or can't for now, so that a retry may help
    """
    import requests

    # This isn't a HEAD request, since it also has to find out whether the server supports ranges, and since a presigned
    # URL allows one method only.
    headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
    try:
        with requests.get(url, headers=headers, timeout=_TO_ANSWER, stream=True) as response:
            total = response.headers.get("content-range", "").rpartition("/")[2]
            if response.status_code != 416 or total != "0":  # for an empty file, servers answer 416 with the size 0
                response.raise_for_status()
            ranges = response.status_code != 200
            version = response.headers.get("etag") or response.headers.get("last-modified")
            size = total if ranges else response.headers.get("content-length", "")
    except Exception as error:  # for what is no URL, there are some that requests doesn't raise itself
        problem = f"{where}: {url} can't be read: {error}"
        if _may_pass(error):
            raise StorageUnavailableError(problem) from error
        raise InvalidInputError(problem) from error
    if not size.isdecimal() or len(size) > _LONGEST_SIZE:
        raise InvalidInputError(f"{where}: {url} doesn't tell its size, which is needed to read it in chunks")
    return {"backend": "url", "url": url, "size": int(size), "whole": not ranges, "version": version}


def _may_pass(error: Exception) -> bool:
    """Tells whether the same request may well succeed later."""
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in _NOT_NOW
    return isinstance(error, (requests.ConnectionError, requests.Timeout)) and not isinstance(
        error, requests.exceptions.SSLError
    )
