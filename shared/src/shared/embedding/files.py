"""The model that the package ``wordllama`` carries: found and read without importing the package.

Importing it costs 30 MB of memory, configures the root logger and pulls in an HTTP client for downloads.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAME = "l2_supercat"
_DIMENSIONS = 256
_LENGTH_PREFIX_BYTES = 8
_LONGEST_HEADER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the weights (safetensors, float16) and the tokenizer (``tokenizer.json``) of a static model are."""

    name: str
    weights: Path
    tokenizer: Path

    def fingerprint(self) -> str:
        """SHA-256 (hex, first 12 digits) over both files: other vectors, other fingerprint."""
        digest = hashlib.sha256()
        for path in (self.weights, self.tokenizer):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:12]

    def map_weights(self) -> NDArray[np.float16]:
        """One row for each token, float16, mapped read-only: only pages that are used take memory.

        Raises:
            ValueError: the file is not a safetensors file with one two-dimensional float16 tensor.
        """
        with self.weights.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_PREFIX_BYTES), "little")
            if not 0 < length <= _LONGEST_HEADER_BYTES:
                raise ValueError(f"{self.weights.name} has no safetensors header")
            header = json.loads(file.read(length))
        tensors = [value for key, value in header.items() if key != "__metadata__"]
        if len(tensors) != 1 or tensors[0]["dtype"] != "F16" or len(tensors[0]["shape"]) != 2:  # noqa: PLR2004  (a matrix)
            raise ValueError(f"{self.weights.name} is not a single float16 matrix")
        start = _LENGTH_PREFIX_BYTES + length + int(tensors[0]["data_offsets"][0])
        rows, columns = tensors[0]["shape"]
        return np.memmap(self.weights, dtype=np.float16, mode="r", offset=start, shape=(rows, columns))


def bundled_files() -> ModelFiles:
    """The files of the 256-dimensional model inside the installed package ``wordllama``.

    Raises:
        FileNotFoundError: the package is not installed, or carries other files.
    """
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package wordllama is not installed")
    folder = Path(spec.origin).parent
    files = ModelFiles(
        name=f"wordllama-{_NAME}-{_DIMENSIONS}",
        weights=folder / "weights" / f"{_NAME}_{_DIMENSIONS}.safetensors",
        tokenizer=folder / "tokenizers" / f"{_NAME}_tokenizer_config.json",
    )
    for path in (files.weights, files.tokenizer):
        if not path.is_file():
            raise FileNotFoundError(f"the package wordllama has no {path.name}")
    return files
