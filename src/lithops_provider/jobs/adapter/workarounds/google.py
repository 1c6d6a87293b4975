"""
Mends how Lithops's `gcp_cloudrun` and `gcp_functions` get the token for their requests. Lithops takes a lock, and
doesn't release it when getting the token fails, so that all other threads that send calls wait for ever. And it never
gets a second token, although a token is accepted for an hour only. compute.py calls `mend_tokens` for each serverless
backend that it opens.
"""

from __future__ import annotations

import sys
import time
from typing import Any

#: By backend: the method that gets the token, and the attribute that it keeps it in.
TOKENS = {"gcp_cloudrun": ("_get_url_and_token", "_id_token"), "gcp_functions": ("_get_token", "_api_token")}
#: Seconds for which a token is used. It is accepted for an hour from when it was made.
_USED_FOR = 3000.0


def mend_tokens(name: str, backend: Any) -> None:
    """
    Makes a backend of Google's free the lock after an error, and get a new token before the old one has ended.

    :param name: name of the compute backend; others are left alone
    :param backend: the backend, as Lithops has made it
    """
    if name not in TOKENS:
        return
    method, attribute = TOKENS[name]
    lock = sys.modules[type(backend).__module__].invoke_mutex
    get = getattr(backend, method)
    renewed = time.monotonic()

    def get_token(service: str) -> Any:
        nonlocal renewed
        if time.monotonic() - renewed > _USED_FOR:
            setattr(backend, attribute, None)
            renewed = time.monotonic()
        try:
            return get(service)
        except BaseException:
            lock.release()
            raise

    setattr(backend, method, get_token)
