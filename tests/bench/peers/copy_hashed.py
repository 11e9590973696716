"""The least that storing a file takes: read, hash, write, make durable. ``python -m bench.peers.copy_hashed FROM TO``."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

_PIECE_BYTES = 1 << 20


def main() -> None:
    """Copy once; the time counts from the first read to the end of fsync."""
    source, target = map(Path, sys.argv[1:3])
    started = time.perf_counter()
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(_PIECE_BYTES):
            digest.update(piece)
            writer.write(piece)
        writer.flush()
        os.fsync(writer.fileno())
    seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"seconds": seconds, "sha256": digest.hexdigest()}) + "\n")


if __name__ == "__main__":
    main()
