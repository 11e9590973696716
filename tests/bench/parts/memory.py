"""What the stack takes while there is nothing to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.bench import Bench, Watch
from bench.figures import Mark, Section, Table, number
from bench.stack import kind_of, spent_since
from native.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS_MIB: Final = {"gateway": 150, "ingest-worker": 300, "result-consumer": 300, "janitor": 120}
CORE_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Rest:
    """One look at the stack at rest.

    Attributes:
        when: in words.
        memory_mib: resident and proportional memory by process, children included.
        cores: CPU seconds per second by kind of process.
    """

    when: str
    memory_mib: Mapping[str, tuple[float, float]]
    cores: Mapping[str, float]


async def look(bench: Bench, when: str) -> Rest:
    """Wait until the stack has settled, then watch it for a while."""
    with Progress(f"Watching the idle stack, {when}"):
        await asyncio.sleep(bench.options.settle_seconds)
        before, watch = bench.stack.cpu_seconds(), Watch()
        await asyncio.sleep(bench.options.idle_seconds)
        spent = spent_since(before, bench.stack.cpu_seconds())
        seconds = watch.seconds
        memory = bench.stack.memory_mib()
    return Rest(when, memory, {kind: each / seconds for kind, each in spent.items()})


def section(looks: list[Rest], idle_seconds: float) -> Section:
    """What the looks say; the worst of them counts."""
    return Section(
        "Memory and CPU at rest",
        "Resident memory of each process with its children (parser processes are the worker's), and its proportional "
        "share (PSS: what processes share is divided among them). CPU time of everything that `make up` starts, "
        f"servers and supervisor included, over {idle_seconds:.0f} s in which nothing is asked of it.",
        [_memory_table(looks), _cpu_table(looks)],
        [*_memory_marks(looks), _cpu_mark(looks)],
    )


def _memory_table(looks: list[Rest]) -> Table:
    headings = ["memory (MiB)"]
    for each in looks:
        headings += [f"RSS, {each.when}", f"PSS, {each.when}"]
    rows = []
    for name in looks[0].memory_mib:
        cells = [name]
        for each in looks:
            rss, pss = each.memory_mib.get(name, (0.0, 0.0))
            cells += [number(rss), number(pss)]
        rows.append(tuple(cells))
    return Table(tuple(headings), tuple(rows))


def _cpu_table(looks: list[Rest]) -> Table:
    kinds = sorted(looks[0].cores, key=lambda kind: -looks[0].cores[kind])
    rows = [(kind, *(number(1000 * each.cores.get(kind, 0.0)) for each in looks)) for kind in kinds]
    rows.append(("all", *(number(1000 * sum(each.cores.values())) for each in looks)))
    return Table(("CPU (thousandths of a core)", *(each.when for each in looks)), tuple(rows))


def _memory_marks(looks: list[Rest]) -> list[Mark]:
    return [
        Mark(
            what=f"resident memory at rest: {kind}",
            value=max(
                rss for each in looks for name, (rss, _) in each.memory_mib.items() if kind_of(name) == kind
            ),
            limit=limit,
            at_least=False,
            unit="MiB",
        )
        for kind, limit in LIMITS_MIB.items()
    ]


def _cpu_mark(looks: list[Rest]) -> Mark:
    most = max(sum(each.cores.values()) for each in looks)
    return Mark(what="the idle stack", value=most, limit=CORE_SHARE, at_least=False, unit="core")
