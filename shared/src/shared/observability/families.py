"""Metric families that keep their children (prometheus_client's ``labels`` is slow) and appear at their first use.

A gauge that a process never set is absent from its /metrics: a 0 there would say something that nobody measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REGISTRY = CollectorRegistry(auto_describe=True)
"""What /metrics serves."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client left it without types
ProcessCollector(namespace="quern", registry=REGISTRY)

Child = TypeVar("Child", Counter, Gauge, Histogram)

PREFIX = "quern_"


class Family(Generic[Child]):
    """One metric with its labels; ``name`` and ``help`` as in the documentation."""

    def __init__(self, name: str, help_: str, labels: Sequence[str], make: Callable[[], Child]) -> None:
        if not name.startswith(PREFIX):
            raise ValueError(f"metric {name!r} must begin with {PREFIX}")
        self.name = name
        self.help = help_
        self.labels = tuple(labels)
        self._make: Callable[[], Child] = make
        self._root: Child | None = None
        self._children: dict[tuple[str, ...], Child] = {}

    def child(self, labels: tuple[str, ...]) -> Child:
        """The time series with these label values, in the order of ``labels``."""
        child = self._children.get(labels)
        if child is None:
            if self._root is None:
                self._root = self._make()
            child = self._root.labels(*labels) if self.labels else self._root
            self._children[labels] = child
        return child


class CounterFamily(Family[Counter]):
    """Only grows; its name ends in ``_total``."""

    def __init__(self, name: str, help_: str, *labels: str) -> None:
        if not name.endswith("_total"):
            raise ValueError(f"counter {name!r} must end in _total")
        super().__init__(name, help_, labels, lambda: Counter(name, help_, labels, registry=REGISTRY))

    def inc(self, *labels: str, amount: float = 1) -> None:
        """Count."""
        self.child(labels).inc(amount)


class GaugeFamily(Family[Gauge]):
    """What is so now."""

    def __init__(self, name: str, help_: str, *labels: str) -> None:
        super().__init__(name, help_, labels, lambda: Gauge(name, help_, labels, registry=REGISTRY))

    def set(self, value: float, *labels: str) -> None:
        """Say what is so now."""
        self.child(labels).set(value)


class HistogramFamily(Family[Histogram]):
    """How long, or how much, each time."""

    def __init__(self, name: str, help_: str, *labels: str, buckets: Sequence[float]) -> None:
        super().__init__(
            name,
            help_,
            labels,
            lambda: Histogram(name, help_, labels, registry=REGISTRY, buckets=buckets),
        )

    def observe(self, value: float, *labels: str) -> None:
        """Add one observation."""
        self.child(labels).observe(value)
