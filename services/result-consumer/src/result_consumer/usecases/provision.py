"""Making sure that Weaviate has what is written to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import QuernError
from shared.postgres.registry import Collection

if TYPE_CHECKING:
    from result_consumer.ports import Embedder, Registry, Vectors


class ModelChangedError(QuernError):
    """The vectors in Weaviate were made by another model than the one that is configured: they cannot be mixed."""


def collection_name(model: str) -> str:
    """A name that tells collections of different models apart."""
    return "Chunks_" + re.sub(r"[^A-Za-z0-9]+", "_", model)[:100].strip("_")


class Provisioner:
    """Collection, alias and tenants, made when they are missing: at the start, and after Weaviate lost its data."""

    def __init__(self, *, registry: Registry, vectors: Vectors, embedder: Embedder) -> None:
        self._registry = registry
        self._vectors = vectors
        self._embedder = embedder

    async def provide(self) -> str:
        """Make what is missing; returns the name of the current collection.

        Raises:
            ModelChangedError: the current collection holds another model's vectors.
            DependencyUnavailableError: Postgres or Weaviate is away.
        """
        model = self._embedder.model
        wanted = Collection(collection_name(model), model, self._embedder.dimensions)
        current = await self._registry.current(otherwise=wanted)
        if current.model != model:
            raise ModelChangedError(
                f"The index was made by {current.model}, but this consumer embeds by {model}: configure the same."
            )
        await self._vectors.ensure_collection(current.name, dimensions=current.dimensions)
        await self._vectors.ensure_alias(current.name)
        for slug in (await self._registry.live_tenants()).values():
            await self._vectors.ensure_tenant(current.name, slug)
        return current.name
