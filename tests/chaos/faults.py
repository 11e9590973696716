"""Makes the faults of a schedule, each at its moment."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from chaos.schedule import MESSAGES, Fault, Kind
from support.stacks import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from chaos.messages import Disorder
    from chaos.probe import Probe
    from chaos.stack import ChaosStack

LOSES: Final = frozenset({Kind.KILL, Kind.WIPE_WEAVIATE})
"""What makes Weaviate lose some of what it had said it has."""


class Faults:
    """Whoever breaks things.

    Args:
        stack: what is broken.
        disorder: among messages.
        probe: is told when Weaviate may have lost something.

    Attributes:
        made: how many of each kind.
    """

    def __init__(self, *, stack: ChaosStack, disorder: Disorder, probe: Probe) -> None:
        self._stack = stack
        self._disorder = disorder
        self._probe = probe
        self._began = 0.0
        self._frozen: set[str] = set()
        self.made: Counter[Kind] = Counter()
        self._ways: dict[Kind, Callable[[Fault], Awaitable[None]]] = {
            Kind.KILL: self._kill,
            Kind.FREEZE: self._freeze,
            Kind.RESTART: self._restart,
            Kind.DISORDER: self._mix_up,
            Kind.WIPE_NSQD: self._wipe,
            Kind.WIPE_WEAVIATE: self._wipe,
        }

    async def run(self, schedule: Sequence[Fault]) -> None:
        """Make all of them; returns when the last one is over."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in schedule:
                group.create_task(self._make(fault))

    async def _make(self, fault: Fault) -> None:
        await asyncio.sleep(self._began + fault.at - time.monotonic())
        sys.stdout.write(f"{fault}\n")
        sys.stdout.flush()
        await self._ways[fault.kind](fault)
        self.made[fault.kind] += 1

    async def thaw(self) -> None:
        """Let everything go on that is still frozen."""
        for name in list(self._frozen):
            with suppress(KeyError):
                self._stack.inner.resume(name)
            self._frozen.discard(name)

    async def _kill(self, fault: Fault) -> None:
        self._shake(fault)
        name = fault.target
        await asyncio.to_thread(wait_until, lambda: name in self._stack.inner.pids, f"{name} runs")
        old = await asyncio.to_thread(self._stack.inner.kill9, name)
        await asyncio.to_thread(self._stack.inner.wait_replaced, name, old)
        self._shake(fault)

    async def _freeze(self, fault: Fault) -> None:
        name = fault.target
        self._frozen.add(name)
        self._stack.inner.pause(name)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._stack.inner.resume(name)
            self._frozen.discard(name)

    async def _restart(self, fault: Fault) -> None:
        await asyncio.to_thread(self._stack.inner.stop, fault.target)
        await asyncio.to_thread(self._stack.inner._supervisor.start, fault.target)

    async def _mix_up(self, fault: Fault) -> None:
        if fault.target != MESSAGES:
            raise ValueError(f"only messages come out of order, not {fault.target}")
        self._disorder.is_on = True
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._disorder.is_on = False

    async def _wipe(self, fault: Fault) -> None:
        self._shake(fault)
        await self._stack.wipe(fault.target)
        self._shake(fault)

    def _shake(self, fault: Fault) -> None:
        if fault.target == "weaviate" and fault.kind in LOSES:
            self._probe.shaken_at = time.monotonic()
