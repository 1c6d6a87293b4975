"""What takes in what Airflow's tasks tell others: a StatsD server, an OpenTelemetry collector, a file of lineage."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Received:
    """
    All that was told.

    :param lineage: the file that OpenLineage's transport writes
    """

    def __init__(self, lineage: Path) -> None:
        self.metrics: list[str] = []
        self.spans: list[Span] = []
        self._lineage = lineage

    def metrics_of(self, task_id: str) -> dict[str, str]:
        """Return the metrics ``lithops.*`` of a task, without their tags: value and type by name."""
        found = {}
        for line in self.metrics:
            name, _, value = line.partition(":")
            stat, *tags = name.split(",")
            if stat.startswith("airflow.lithops.") and f"task_id={task_id}" in tags:
                found[stat.removeprefix("airflow.lithops.")] = value
        return found

    def events(self, task_id: str, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind, such as START, that OpenLineage was sent of a task."""
        lines = self._lineage.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]  # the last may not be written whole
        return [event for event in found if event["eventType"] == kind and event["job"]["name"].endswith(f".{task_id}")]


@contextmanager
def receivers(folder: Path) -> Iterator[tuple[Received, dict[str, str]]]:
    """
    Listen, and yield what was received and the settings that have Airflow tell it.

    :param folder: for the file
    """
    lineage = folder / "lineage.jsonl"
    lineage.touch()
    received = Received(lineage)

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    received.spans += scope.spans
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
            ended = threading.Event()

            def listen() -> None:
                while (data := statsd.recv(65536)) or not ended.is_set():
                    received.metrics.extend(data.decode().splitlines())

            threads = [threading.Thread(target=target, daemon=True) for target in (listen, collector.serve_forever)]
            for thread in threads:
                thread.start()
            try:
                yield (
                    received,
                    {
                        "AIRFLOW__METRICS__STATSD_ON": "True",
                        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
                        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
                        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",  # so that tags are seen
                        "AIRFLOW__TRACES__OTEL_ON": "True",
                        "OTEL_TRACES_EXPORTER": "otlp_proto_http",
                        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{collector.server_port}/v1/traces",
                        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                            {"type": "file", "log_file_path": str(lineage), "append": True}
                        ),
                        "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
                    },
                )
            finally:
                ended.set()
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                    waker.sendto(b"", statsd.getsockname())
                collector.shutdown()
                for thread in threads:
                    thread.join()
