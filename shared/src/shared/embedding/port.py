from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how near their meanings are."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""

    @property
    def model(self) -> str:
        """Name and fingerprint of what makes the vectors: two vectors compare only when this is equal."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed each text.

        Returns:
            One row for each text, in order: shape ``(len(texts), dimensions)``, float32, each of length 1.
            The row of a text depends on that text alone, never on its neighbours.

        Raises:
            DependencyUnavailableError: the embedder ("embedder") cannot answer, or not in time.
        """

    async def close(self) -> None:
        """Give back what the embedder holds; safe to call twice."""
