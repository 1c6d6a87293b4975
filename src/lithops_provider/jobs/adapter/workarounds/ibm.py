"""
Keeps Lithops from sharing IBM's tokens between connections. Lithops stores the last token in one file on the machine,
whichever API key it was for, and uses it for an hour instead of asking for one with the key that it was given. A task
would act as the user of another connection. storage.py and compute.py call `share_no_tokens` before they open a
backend.
"""

from __future__ import annotations

import importlib

#: The backends that take tokens from the file.
BACKENDS = ("ibm_cf", "ibm_cos")
#: Lithops's classes that store tokens in the file.
MANAGERS = ("COSTokenManager", "IAMTokenManager")


def share_no_tokens(backend: str) -> None:
    """
    Makes this process ask for tokens of its own, and neither read nor write the file.

    :param backend: name of the compute or storage backend
    """
    if backend in BACKENDS:
        module = importlib.import_module("lithops.util.ibm_token_manager")
        for name in MANAGERS:
            getattr(module, name).TOKEN_FILE = None
