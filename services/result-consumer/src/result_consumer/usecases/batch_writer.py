"""One index batch: embed, record, write, verify, close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import DependencyUnavailableError
from shared.observability.metrics import CHUNKS_EMBEDDED, CHUNKS_INDEXED, STAGE_DURATION
from shared.vectors.errors import VectorsUnavailableError
from shared.vectors.port import VectorObject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from result_consumer.ports import Batches, Embedder, Vectors
    from shared.postgres.indexing import ChunkToIndex, OpenBatch

_log = structlog.get_logger(__name__)


class BatchWriter:
    """Writes chunks of one tenant so that they count as written, or not at all."""

    def __init__(
        self, *, batches: Batches, vectors: Vectors, embedder: Embedder, clock: Callable[[], float]
    ) -> None:
        self._batches = batches
        self._vectors = vectors
        self._embedder = embedder
        self._clock = clock

    async def write(self, chunks: Sequence[ChunkToIndex]) -> OpenBatch:
        """Write one batch; returning means that it is verified and closed as such.

        Raises:
            DependencyUnavailableError: Postgres, Weaviate or the embedder is away; the batch's ids are given up.
            DependencyRejectedError: Weaviate takes one of these objects never.
        """
        started = self._clock()
        vectors = await self._embedder.embed([chunk.text for chunk in chunks])
        embedded = self._clock()
        CHUNKS_EMBEDDED.inc(amount=len(chunks))
        STAGE_DURATION.observe(embedded - started, "embed")
        batch = await self._batches.open_batch(chunks)
        verified = False
        try:
            await self._vectors.write_batch(
                batch.collection, batch.tenant_slug, _objects(batch, vectors), barrier_id=batch.barrier_id
            )
            verified = True
        finally:
            await self._close(batch, verified=verified)
        CHUNKS_INDEXED.inc(amount=len(chunks))
        STAGE_DURATION.observe(self._clock() - embedded, "index")
        return batch

    async def _close(self, batch: OpenBatch, *, verified: bool) -> None:
        try:
            in_time = await self._batches.close_batch(batch.batch_id, verified=verified)
        except DependencyUnavailableError as error:
            # It expires, and the janitor gives its ids up.
            _log.warning("batch_left_open", dependency=error.dependency)
            if verified:
                raise
            return
        if verified and not in_time:
            raise VectorsUnavailableError(
                "An index batch expired before it was verified: Weaviate is too slow."
            )


def _objects(batch: OpenBatch, vectors: NDArray[np.float32]) -> list[VectorObject]:
    return [
        VectorObject(
            object_id=object_id,
            chunk_id=chunk.chunk_id,
            source_id=chunk.source_id,
            document_id=chunk.document_id,
            batch_id=batch.batch_id,
            type=chunk.source_type,
            language=chunk.language or "",
            text=chunk.text,
            vector=vector,
        )
        for object_id, chunk, vector in zip(batch.object_ids, batch.chunks, vectors, strict=True)
    ]
