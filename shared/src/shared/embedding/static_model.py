from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shared.content import clean_text
from shared.embedding.pieces import PieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.embedding.files import ModelFiles

_TOKENS_AT_ONCE = 512


class StaticModel:
    """Mean of the token vectors, scaled to length 1: what ``WordLlama.embed(norm=True)`` computes, unpadded.

    As there, a text is never cut: every token counts. A text without any token (only the empty one, after
    NUL bytes and lone surrogates are taken out) has no direction; it gets the first unit vector, because
    Weaviate accepts a zero vector silently and its cosine is undefined.

    Not safe for use by two threads at once: the caller gives it one thread.

    Args:
        files: where the model is.
        resident: keep the weights as float32 in memory (32 MB, for bulk work) rather than mapping them.
        cache_bytes: about how much memory remembered pieces of text may take.
    """

    def __init__(self, files: ModelFiles, *, resident: bool, cache_bytes: int) -> None:
        self.name = f"{files.name}@{files.fingerprint()}"
        weights = files.map_weights()
        self._weights = weights.astype(np.float32) if resident else weights
        self._tokenizer = PieceTokenizer(files.tokenizer, cache_bytes=cache_bytes)
        self._rows = np.empty((_TOKENS_AT_ONCE, self.dimensions), dtype=self._weights.dtype)
        self._ones = np.ones(_TOKENS_AT_ONCE, dtype=np.float32)

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        return int(self._weights.shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 for each text, shape ``(len(texts), dimensions)``."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        tokens = self._tokenizer.encode([clean_text(text) for text in texts])
        for row, ids in enumerate(tokens):
            for start in range(0, len(ids), _TOKENS_AT_ONCE):
                vectors[row] += self._sum(ids[start : start + _TOKENS_AT_ONCE])
        return _scaled(vectors)

    def _sum(self, ids: NDArray[np.uint16]) -> NDArray[np.float32]:
        """The sum of the vectors of at most ``_TOKENS_AT_ONCE`` tokens, as a product with ones (BLAS)."""
        count = len(ids)
        rows = self._rows[:count]
        np.take(self._weights, ids, axis=0, out=rows, mode="clip")
        total: NDArray[np.float32] = self._ones[:count] @ rows.astype(np.float32, copy=False)
        return total


def _scaled(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row scaled to length 1; a row of zeros becomes the first unit vector."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    undirected = lengths[:, 0] == 0
    vectors[undirected, 0] = 1.0
    lengths[undirected] = 1.0
    vectors /= lengths
    return vectors
