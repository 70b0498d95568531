"""What the gateway counts, in Prometheus' words. Labels are closed lists, so that no sender can grow them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from csod_pipelines.gateway.refusals import Reason

_COMMIT_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.stored = Counter("csod_gateway_deliveries_stored", "Deliveries committed.", ["source", "followed"], registry=registry)
        self.rejected = Counter("csod_gateway_requests_rejected", "Requests turned away.", ["source", "reason"], registry=registry)
        self.heartbeats = Counter("csod_gateway_heartbeats", "Empty Cornerstone envelopes.", registry=registry)
        self.commit_seconds = Histogram("csod_gateway_commit_seconds", "One transaction.", buckets=_COMMIT_BUCKETS, registry=registry)
        self.batch_size = Histogram("csod_gateway_batch_deliveries", "Deliveries a transaction.", buckets=_BATCH_BUCKETS, registry=registry)
        self.waiting = Gauge("csod_gateway_requests_waiting", "Requests waiting for their commit.", registry=registry)
        self.work = Gauge("csod_work", "From the database: what is ready, parked, and how old.", ["what"], registry=registry)
        for source in ("administrate", "cornerstone"):
            for reason in Reason:
                self.rejected.labels(source, reason.value)
            for followed in ("yes", "no"):
                self.stored.labels(source, followed)

    def committed(self, size: int, seconds: float) -> None:
        self.batch_size.observe(size)
        self.commit_seconds.observe(seconds)

    def render(self) -> bytes:
        return generate_latest(self.registry)
