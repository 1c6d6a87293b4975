"""Connections of Airflow, as environment variables, and a storage that needs neither a library nor a server to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import reset_secrets_masker


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No configuration of Lithops in the current folder, and no secret that another test has had masked."""
    monkeypatch.chdir(tmp_path)
    yield
    reset_secrets_masker()


def make_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, extra: Any, **fields: Any) -> None:
    """Has Airflow find a connection."""
    value = json.dumps({"conn_type": "lithops", "extra": extra, **fields})
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", value)


def swift(url: str) -> dict[str, Any]:
    """Returns the configuration of a storage at an address."""
    keys = {"user_id": "u", "project_id": "p", "region": "r", "storage_bucket": "b"}
    return {"lithops": {"storage": "swift"}, "swift": {"auth_url": url, "password": "swift-secret", **keys}}
