"""What many tests over real stores begin with; a module may define its own by the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.audits import empty_vectors
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.vectors import WeaviateStore
    from support.databases import Database
    from support.servers import WeaviateServer


@pytest.fixture
async def pipeline(database: Database) -> AsyncIterator[Pipeline]:
    """All stores over a fresh database."""
    pipeline = await Pipeline.open(database.service_url)
    yield pipeline
    await pipeline.close()


@pytest.fixture
async def vectors(weaviate: WeaviateServer) -> AsyncIterator[WeaviateStore]:
    """A real Weaviate with an empty collection."""
    async with empty_vectors(weaviate) as store:
        yield store
