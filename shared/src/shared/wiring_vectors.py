"""Making the vector store of a service from its settings; apart, because not every service carries Weaviate's client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import DependencyUnavailableError
from shared.vectors import Deadlines, ReadinessStatus, WeaviateStore

if TYPE_CHECKING:
    from shared.observability.readiness import Readiness
    from shared.settings import WeaviateSettings


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


def register_weaviate(registry: Readiness, store: WeaviateStore) -> None:
    """Add Weaviate to the dependencies that are checked."""

    async def answers() -> str | None:
        state = await store.readiness()
        if state.status == ReadinessStatus.DOWN:
            raise DependencyUnavailableError("weaviate", state.detail or "Weaviate does not answer.")
        return state.detail if state.status == ReadinessStatus.DEGRADED else None

    registry.register("weaviate", answers)
