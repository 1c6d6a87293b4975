"""The source of Lithops's modules, read without importing them: most need the client of a cloud."""

from __future__ import annotations

from pathlib import Path


def source_of(module: str) -> str:
    """
    Returns a module's source.

    :param module: its name, as "lithops.serverless.backends.knative.knative"
    """
    import lithops

    return Path(lithops.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py").read_text()
