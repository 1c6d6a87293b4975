"""
Asks a web server for the size of what is at a URL, and whether it can be read in chunks. objects.py calls it for each
URL among the paths of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    import requests

    from lithops_provider.jobs.remote.frames import ObjectChunk

#: Seconds that a server may take to answer.
_TO_ANSWER = 30
#: Statuses by which a server says that it can't answer for now, besides those from 500 on.
_NOT_NOW = (408, 425, 429)


def look_at_url(client: LithopsClient, url: str, where: str) -> ObjectChunk:
    """
    Returns what is at a URL. A server that doesn't answer, or can't for now, is asked again for as long as a storage
    would be.

    :param client: its ``patience`` is how long that is
    :param url: begins with ``http://`` or ``https://``
    :param where: the parameter or item that has the URL, for messages
    :returns: the object as a whole. Its ``version`` is None if the server doesn't tell any; ``whole`` is True if the
        server has no ranges, so that the object can't be read in chunks
    :raises InvalidInputError: it is no URL, or the server has nothing there, or it doesn't tell the size
    :raises StorageUnavailableError: the server failed for too long
    """
    try:
        server = urlsplit(url).hostname
    except ValueError as error:
        raise InvalidInputError(f"{where}: {url} can't be read: {error}") from error
    return client.patiently(lambda: _ask(url, where), f"looking at {url} ({where})", storage=server)


def _ask(url: str, where: str) -> ObjectChunk:
    import requests
    from requests.exceptions import InvalidSchema, InvalidURL

    # This isn't a HEAD request, since it also has to find out whether the server supports ranges, and since a presigned
    # URL allows one method only.
    headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
    try:
        with requests.get(url, headers=headers, timeout=_TO_ANSWER, stream=True) as response:
            total = response.headers.get("content-range", "").rpartition("/")[2]
            if response.status_code != 416 or total != "0":  # for an empty file, servers answer 416 with the size 0
                _check_is_there(response, url, where)
            ranges = response.status_code != 200
            version = response.headers.get("etag") or response.headers.get("last-modified")
            size = total if ranges else response.headers.get("content-length", "")
    except (InvalidSchema, InvalidURL, requests.TooManyRedirects) as error:
        raise InvalidInputError(f"{where}: {url} can't be read: {error}") from error
    if not size.isdecimal():
        raise InvalidInputError(f"{where}: {url} doesn't tell its size, which is needed to read it in chunks")
    return {"backend": "url", "url": url, "size": int(size), "whole": not ranges, "version": version}


def _check_is_there(response: requests.Response, url: str, where: str) -> None:
    """
    Checks that a server has answered with what was asked for.

    :raises InvalidInputError: it hasn't, and won't the next time
    :raises requests.HTTPError: it can't for now
    """
    import requests

    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        if response.status_code >= 500 or response.status_code in _NOT_NOW:
            raise
        raise InvalidInputError(f"{where}: {url} can't be read: {error}") from error
