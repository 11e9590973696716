"""Indexing anew what Weaviate lost: a background loop beside the indexer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from result_consumer.core.backlog import by_tenant
from shared.errors import DependencyUnavailableError
from shared.lifecycle import wait_or_stop
from shared.observability.metrics import AUDIT_REPAIRED
from shared.outages import Outage
from shared.postgres.indexing import ObjectsTakenError
from shared.vectors.errors import (
    BatchNotVerifiedError,
    CollectionMissingError,
    TenantMissingError,
    VectorsReadOnlyError,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from result_consumer.ports import Repairs
    from result_consumer.usecases.batch_writer import BatchWriter

_log = structlog.get_logger(__name__)


class Repairer:
    """Replaces objects that the audit found missing, hollow or altered, and those that are to be rebuilt.

    Args:
        repairs: what is to be repaired.
        writer: writes verified batches.
        provide: makes collection, alias and tenants again when Weaviate has lost them.
        batch_chunks: of one batch.
        every_seconds: between two looks, and the first pause after an outage.
        pause_max_seconds: the longest pause.
    """

    def __init__(
        self,
        *,
        repairs: Repairs,
        writer: BatchWriter,
        provide: Callable[[], Awaitable[object]],
        batch_chunks: int,
        every_seconds: float,
        pause_max_seconds: float = 30.0,
    ) -> None:
        self._repairs = repairs
        self._writer = writer
        self._provide = provide
        self._batch_chunks = batch_chunks
        self._size = batch_chunks
        self._every_seconds = every_seconds
        self._pause_max_seconds = pause_max_seconds
        self._outage = Outage(
            activity="repair_objects", first_seconds=2 * every_seconds, longest_seconds=pause_max_seconds
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Repair until ``stop``."""
        pause = self._every_seconds
        while not await wait_or_stop(stop, pause):
            try:
                while not stop.is_set() and await self.run_once():
                    pass
                self._outage.over()
                pause = self._every_seconds
            except (CollectionMissingError, TenantMissingError) as error:
                _log.warning("weaviate_lost_its_schema", detail=str(error))
                pause = await self._provide_again()
            except DependencyUnavailableError as error:
                pause = self._outage.failed(error)
            except ObjectsTakenError as error:
                pause = min(2 * pause, self._pause_max_seconds)
                _log.info("repair_looks_again", detail=str(error), seconds=pause)
            except Exception:  # noqa: BLE001  (one chunk that cannot be repaired must not end the loop)
                pause = min(2 * pause, self._pause_max_seconds)
                _log.exception("repair_refused", chunks=self._size, seconds=pause)

    async def run_once(self) -> int:
        """Repair up to a batch's worth; returns how many objects were replaced.

        What is refused goes to the end of the line, so that neither another tenant nor what comes after waits for
        it; batches are halved until the chunk that is refused stands alone.

        Raises:
            Exception: the first refusal, after the other tenants had their turn.
        """
        replaced: Counter[str] = Counter()
        refusal: Exception | None = None
        for some in by_tenant(await self._repairs.take(at_most=self._size), at_most=self._size):
            try:
                replaced += await self._repairs.swap(await self._writer.write(some))
            except (BatchNotVerifiedError, VectorsReadOnlyError) as error:  # perhaps one tenant's shard alone
                await self._repairs.postpone(some)
                refusal = refusal or error
            except (DependencyUnavailableError, ObjectsTakenError):
                raise
            except Exception as error:  # noqa: BLE001  (raised below: first the others have their turn)
                self._size = max(1, len(some) // 2)
                await self._repairs.postpone(some)
                refusal = refusal or error
        for kind, count in replaced.items():
            AUDIT_REPAIRED.inc(kind, amount=count)
            _log.info("objects_repaired", kind=kind, objects=count)
        if refusal is not None:
            raise refusal
        self._size = min(2 * self._size, self._batch_chunks)
        return replaced.total()

    async def _provide_again(self) -> float:
        try:
            await self._provide()
        except DependencyUnavailableError as error:
            return self._outage.failed(error)
        return self._every_seconds
