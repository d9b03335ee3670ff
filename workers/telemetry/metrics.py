"""What Prometheus is told: rates and latencies. No organization, no person, no path as it came.

Nothing is measured until `enable`, which the app calls where FLOW_METRICS_TOKEN is set.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
_WAITS: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 120.0, 600.0)


class _Meters:
    """The instruments, once a process; the names are OpenTelemetry's where it has them."""

    def __init__(self) -> None:
        self.requests = Histogram(
            "http_server_request_duration_seconds", "Requests that were answered.",
            ("http_route", "http_request_method", "status_class"), buckets=_SECONDS,
        )  # fmt: skip
        self.jobs = Histogram(
            "flow_job_duration_seconds", "Runs of jobs.", ("job", "outcome"), buckets=_WAITS
        )
        self.waits = Histogram(
            "flow_job_queue_wait_seconds", "From asking for a job until it ran.", ("job",), buckets=_WAITS
        )
        self.calls = Counter("flow_provider_calls", "Calls to providers.", ("provider", "status_class"))
        self.errors = Counter("flow_provider_errors", "Calls that failed.", ("provider", "code"))
        self.lag = Histogram(
            "flow_webhook_lag_seconds", "From a provider's time until its webhook came.", ("provider",),
            buckets=_WAITS,
        )  # fmt: skip
        self.dropped = Counter("flow_telemetry_dropped", "Rows of telemetry that were not written.")


_meters: list[_Meters] = []


def enable() -> None:
    """Begin to measure."""
    if not _meters:
        _meters.append(_Meters())


def request(route: str | None, method: str, status: int, seconds: float) -> None:
    """Count one request that was answered."""
    for meters in _meters:
        meters.requests.labels(route or "(none)", method, f"{status // 100}xx").observe(seconds)


def job(name: str, outcome: str, seconds: float, waited: float | None) -> None:
    """Count one run of a job."""
    for meters in _meters:
        meters.jobs.labels(name, outcome).observe(seconds)
        if waited is not None:
            meters.waits.labels(name).observe(waited)


def call(provider: str, status: object, code: object) -> None:
    """Count one call to a provider; `status` None: no answer came."""
    for meters in _meters:
        meters.calls.labels(provider, f"{status // 100}xx" if isinstance(status, int) else "none").inc()
        if code is not None:
            meters.errors.labels(provider, str(code)).inc()


def webhook(provider: str, lag: float | None) -> None:
    """Count one webhook."""
    for meters in _meters:
        if lag is not None:
            meters.lag.labels(provider).observe(lag)


def dropped(rows: int) -> None:
    """Count rows that were not written."""
    for meters in _meters:
        meters.dropped.inc(rows)
