"""`/metrics`: what Prometheus reads, for who knows FLOW_METRICS_TOKEN; without that setting nothing is there.

With several processes of gunicorn, PROMETHEUS_MULTIPROC_DIR joins them (workers.telemetry.processes sets it).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import ValueClass
from werkzeug.exceptions import NotFound

from workers.errors import FlowError, Refused
from workers.runtime import current

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """Answer with what all processes measured, and how old the queues in the database are."""
    token = current().settings.flow_metrics_token
    if token is None:
        raise NotFound
    given = request.headers.get("Authorization", "").encode("latin-1", "replace")
    if not hmac.compare_digest(given, b"Bearer " + token.get_secret_value().encode()):
        raise Refused(401, "This address needs the token of FLOW_METRICS_TOKEN.", "not_allowed")
    measured = REGISTRY
    if ValueClass.__name__ == "MmapedValue":
        measured = CollectorRegistry()
        MultiProcessCollector(measured)  # type: ignore[no-untyped-call]
    queues = CollectorRegistry()
    queues.register(_Queues(_health()))
    body = generate_latest(measured) + generate_latest(queues)
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _health() -> Mapping[str, object]:
    try:
        return current().database.rpc("telemetry_health")
    except FlowError:  # what the processes measured is told all the same
        return {}


class _Queues(Collector):
    """How things stand in the database, at the moment of the scrape."""

    def __init__(self, health: Mapping[str, object]) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges."""
        ages = GaugeMetricFamily(
            "flow_queue_age_seconds", "Age of the oldest work that is due.", labels=("queue",)
        )
        queues = self._health.get("queues")
        for name, age in queues.items() if isinstance(queues, dict) else ():
            ages.add_metric((name,), float(age))
        yield ages
        missing = self._health.get("missing_partitions")
        if isinstance(missing, list):
            yield GaugeMetricFamily("flow_partitions_missing", "Partitions of tomorrow.", float(len(missing)))
