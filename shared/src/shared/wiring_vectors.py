"""Making the vector store of a service from its settings; apart, because not every service carries Weaviate's client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import DependencyUnavailableError
from shared.observability.readiness import ReadOnly
from shared.vectors import Deadlines, ReadinessStatus, WeaviateStore

if TYPE_CHECKING:
    from shared.embedding.port import Embedder
    from shared.observability.readiness import Readiness
    from shared.settings import WeaviateSettings
    from shared.vectors.port import VectorStore


async def weaviate_store(settings: WeaviateSettings) -> WeaviateStore:
    """The store as the settings want it; it does not touch the network yet."""
    return await WeaviateStore.open(
        url=settings.weaviate_url,
        grpc_address=settings.weaviate_grpc,
        api_key=settings.weaviate_api_key.get_secret_value(),
        deadlines=Deadlines(
            query_seconds=settings.weaviate_query_timeout_seconds,
            write_seconds=settings.weaviate_insert_timeout_seconds,
        ),
    )


def register_weaviate(registry: Readiness, store: VectorStore) -> None:
    """Add Weaviate to the dependencies that are checked."""

    async def answers() -> str | None:
        state = await store.readiness()
        if state.status == ReadinessStatus.DOWN:
            raise DependencyUnavailableError("weaviate", state.detail or "Weaviate does not answer.")
        if state.read_only:
            return ReadOnly(state.detail)
        return state.detail if state.status == ReadinessStatus.DEGRADED else None

    registry.register("weaviate", answers)


def register_embedder(registry: Readiness, embedder: Embedder) -> None:
    """Add the embedder to the dependencies that are checked, by a word of its own."""

    async def answers() -> str | None:
        await embedder.embed(["quern"])
        return None

    registry.register("embedder", answers)
