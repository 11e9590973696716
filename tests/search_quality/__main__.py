"""``python -m search_quality``: measures, shows the figures, writes ``docs/search-quality.md``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from native.servers import WEAVIATE
from search_quality.corpora import manuals
from search_quality.measuring import measure
from search_quality.report import Asked, holds, page, table
from shared.embedding import BundledEmbedder
from shared.vectors.store import WeaviateStore
from support.claims import PortClaims
from support.servers import Servers

REPORT: Final = Path(__file__).resolve().parents[2] / "docs" / "search-quality.md"
_KEPT: Final = ("QUERN_CACHE_DIR", "QUERN_VENV", "QUERN_TEST_PORTS")
_CACHE_BYTES: Final = 32 << 20


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _measure(folder: Path) -> Asked:
    claims = PortClaims()
    servers = Servers(root=folder, ports=claims.take())
    try:
        server = servers.weaviate
        vectors = await WeaviateStore.open(url=server.url, grpc_address=server.grpc, api_key=server.api_key)
        embedder = await BundledEmbedder.load(resident=True, cache_bytes=_CACHE_BYTES)
        try:
            versions = {"Weaviate": WEAVIATE.version, "Embedder": embedder.model}
            return await measure(manuals(), vectors=vectors, embedder=embedder, versions=versions, tell=_tell)
        finally:
            await embedder.close()
            await vectors.close()
    finally:
        servers.close()
        claims.release()


def main() -> int:
    """Measure; 1 where the default does not keep what is demanded of it."""
    for name in [name for name in os.environ if name.startswith("QUERN_") and name not in _KEPT]:
        del os.environ[name]  # what is measured shall not depend on the shell
    with TemporaryDirectory(prefix="qs") as folder:
        asked = asyncio.run(_measure(Path(folder)))
    _tell("\n".join(table(asked)))
    REPORT.write_text(page(asked), encoding="utf-8")
    broken = holds(asked)
    for each in broken:
        _tell(f"Not as demanded: {each}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
