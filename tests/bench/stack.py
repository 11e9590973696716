"""The stack that is measured: brought up by the code of ``make up``, in a data directory and on ports of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from bench.processes import cpu_seconds, family, pss_mib, rss_mib
from native.leftovers import find
from native.ports import Ports
from support.stacks import StackUnderTest

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from native.stackfile import StackFile

_GIB: Final = 1 << 30
_ENVIRONMENT: Final = {
    # Peers on the loopback keep no pace, so neither do we; the sites that are crawled are ours.
    "QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8",
    "QUERN_CRAWL_DELAY_MS": "0",
    "QUERN_UPLOAD_MAX_BYTES": str(2 * _GIB),
}
_PARSERS: Final = "parser processes"
_REST: Final = "supervisor"


def kind_of(name: str) -> str:
    """A process's name without the number of its copy."""
    return re.sub(r"-\d+$", "", name)


class BenchStack:
    """A whole Quern. It lives as long as the context.

    Args:
        root: its data directory, short, because PostgreSQL's socket lies in it.
        base_port: the first of a hundred free ports.
        workers: copies of ingest-worker.
        consumers: copies of result-consumer.
        environment: further settings of the services.
    """

    def __init__(
        self, *, root: Path, base_port: int, workers: int, consumers: int, environment: dict[str, str]
    ) -> None:
        self._stack = StackUnderTest(
            root=root,
            ports=Ports(base=base_port, http=base_port + 99),
            environment={**_ENVIRONMENT, **environment},
            workers=workers,
            consumers=consumers,
        )

    def __enter__(self) -> Self:
        try:
            self._stack.up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def file(self) -> StackFile:
        """Where everything is."""
        return self._stack.file

    @property
    def gateway_pid(self) -> int:
        """The gateway's process."""
        return self._stack.pids["gateway"]

    def processes(self) -> dict[str, list[int]]:
        """The pids of each process by its name in stack.json, with their children; first the process itself."""
        return {name: [pid, *sorted(family([pid]) - {pid})] for name, pid in self._stack.pids.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds so far by kind of process; what has ended counts as well."""
        spent: dict[str, float] = {}
        accounted = set()
        for name, pids in self.processes().items():
            accounted.update(pids)
            kind, children = kind_of(name), kind_of(name)
            if kind == "ingest-worker":
                children = _PARSERS
            own, reaped = cpu_seconds(pids[:1])
            below = cpu_seconds(pids[1:])
            spent[kind] = spent.get(kind, 0.0) + own
            spent[children] = spent.get(children, 0.0) + reaped + sum(below)
        rest = set(find(self._stack.layout.root).pids) - accounted
        spent[_REST] = cpu_seconds(rest)[0]
        return spent

    def memory_mib(self) -> dict[str, tuple[float, float]]:
        """Resident and proportional memory of each process with its children, in MiB."""
        return {name: (rss_mib(pids), pss_mib(pids)) for name, pids in self.processes().items()}


def spent_since(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """CPU seconds by kind between two readings."""
    return {kind: now[kind] - before.get(kind, 0.0) for kind in now}
