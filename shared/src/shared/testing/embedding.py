from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class FakeEmbedder:
    """Passes the embedder's behaviour suite without a model: each word has a direction, a text is their sum.

    Attributes:
        down: while true, every call fails as an embedder that is down does.
        texts: all texts that were embedded, in order.
    """

    def __init__(self, *, dimensions: int = 32, model: str = "fake-words@1") -> None:
        self.dimensions = dimensions
        self.model = model
        self.down = False
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed each text: texts that share words are near each other."""
        if self.down:
            raise DependencyUnavailableError("embedder", "The embedder is down.")
        self.texts.extend(texts)
        rows = [self._vector(text) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)

    async def close(self) -> None:
        """Nothing is held."""

    def _vector(self, text: str) -> NDArray[np.float64]:
        words = text.lower().split() or [""]
        total = np.sum([self._direction(word) for word in words], axis=0)
        return np.asarray(total / np.linalg.norm(total), dtype=np.float64)

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        return np.random.default_rng(list(seed)).standard_normal(self.dimensions)
