"""What the service did, as Prometheus reads it at /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 40)


class Counts:
    """Counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name = "caffe_mnist"
        self.requests = Counter(
            f"{name}_requests", "Answered requests to POST /.", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            f"{name}_request_seconds",
            "Seconds from the request to its answer.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.pictures = Counter(
            f"{name}_pictures", "Pictures that the net has seen.", registry=self.registry
        )
        self.batches = Histogram(
            f"{name}_batch_size",
            "Pictures in one pass through the net.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.waiting = Gauge(f"{name}_queue_length", "Pictures waiting.", registry=self.registry)
        self.ready = Gauge(
            f"{name}_ready", "1 when the model is loaded and answers.", registry=self.registry
        )

    def batch(self, size: int) -> None:
        """One pass through the net."""
        self.batches.observe(size)
        self.pictures.inc(size)

    def text(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
