from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np

from shared.embedding.files import bundled_files
from shared.embedding.static_model import StaticModel
from shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.embedding.files import ModelFiles

_TEXTS_AT_ONCE = 16  # a few milliseconds: a single query waits no longer than this behind a bulk call


class BundledEmbedder:
    """The default :class:`~shared.embedding.port.Embedder`: offline, static vectors, on one thread of its own.

    Args:
        model: the loaded model; only this embedder uses it from now on.
        deadline_seconds: how long one call of :meth:`embed` may take.
    """

    def __init__(self, *, model: StaticModel, deadline_seconds: float) -> None:
        self._model = model
        self._deadline_seconds = deadline_seconds
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")

    @classmethod
    async def load(
        cls,
        *,
        resident: bool,
        cache_bytes: int,
        deadline_seconds: float = 30.0,
        files: ModelFiles | None = None,
    ) -> Self:
        """Read the model (0.3 s) off the event loop.

        Args:
            resident: weights as float32 in memory, for bulk work (about 65 MB in all); otherwise they are
                mapped (about 25 MB in all), which is enough for queries.
            cache_bytes: about how much memory remembered pieces of text may take.
            deadline_seconds: how long one call of :meth:`embed` may take.
            files: another static model than the bundled one.

        Raises:
            DependencyUnavailableError: the files are missing or broken.
        """
        # A batch is small here and has a thread already; without this, tokenizers starts a pool of its own.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

        def read() -> StaticModel:
            return StaticModel(files or bundled_files(), resident=resident, cache_bytes=cache_bytes)

        try:
            model = await asyncio.to_thread(read)
        except Exception as error:  # tokenizers raises bare Exception
            raise DependencyUnavailableError(
                "embedder", f"The embedding model cannot be read: {error}"
            ) from error
        return cls(model=model, deadline_seconds=deadline_seconds)

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        return self._model.dimensions

    @property
    def model(self) -> str:
        """Name of the model and a fingerprint of its files."""
        return self._model.name

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed each text; concurrent calls take turns by slices. See the port for shapes and errors."""
        loop = asyncio.get_running_loop()
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                for start in range(0, len(texts), _TEXTS_AT_ONCE):
                    part = texts[start : start + _TEXTS_AT_ONCE]
                    vectors[start : start + len(part)] = await loop.run_in_executor(
                        self._thread, self._model.encode, part
                    )
        except TimeoutError as error:
            sentence = f"Embedding {len(texts)} texts took longer than {self._deadline_seconds} s."
            raise DependencyUnavailableError("embedder", sentence) from error
        except Exception as error:  # whatever breaks in native code, the caller's answer is the same
            raise DependencyUnavailableError("embedder", f"Embedding failed: {error}") from error
        return vectors

    async def close(self) -> None:
        """Stop the thread after the slice it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)
