"""LlamaIndex's IngestionPipeline over Markdown files; a process of its own, told by arguments and the environment.

``python -m bench.peers.llama_index FOLDER COLLECTION`` writes one line of JSON. The Weaviate to write to is in
``BENCH_WEAVIATE_URL``, ``BENCH_WEAVIATE_GRPC`` and ``BENCH_WEAVIATE_KEY``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import weaviate
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter
from llama_index.core.schema import Document
from llama_index.vector_stores.weaviate import WeaviateVectorStore
from weaviate.classes.config import Configure, DataType, Property
from weaviate.classes.init import AdditionalConfig, Auth, Timeout

from shared.embedding.files import bundled_files
from shared.embedding.static_model import StaticModel

_TEXTS_AT_ONCE: Final = 64
_CACHE_BYTES: Final = 33_554_432
_PROPERTIES: Final = (
    "text",
    "_node_content",
    "_node_type",
    "document_id",
    "doc_id",
    "ref_doc_id",
    "relationships",
    "file_name",
    "header_path",
)


class BundledEmbedding(BaseEmbedding):  # type: ignore[misc]  # llama-index is not installed where types are checked
    """Quern's own bundled model, called directly."""

    model: Any

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.model.encode(texts).tolist()
        return vectors

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def _connect() -> weaviate.WeaviateClient:
    http = urlsplit(os.environ["BENCH_WEAVIATE_URL"])
    grpc_host, _, grpc_port = os.environ["BENCH_WEAVIATE_GRPC"].rpartition(":")
    return weaviate.connect_to_custom(
        http_host=http.hostname or "",
        http_port=http.port or 80,
        http_secure=False,
        grpc_host=grpc_host,
        grpc_port=int(grpc_port),
        grpc_secure=False,
        auth_credentials=Auth.api_key(os.environ["BENCH_WEAVIATE_KEY"]),
        additional_config=AdditionalConfig(timeout=Timeout(init=10, query=60, insert=120)),
        skip_init_checks=True,
    )


def _make_collection(client: weaviate.WeaviateClient, name: str) -> None:
    """Made beforehand: our Weaviate does not make up properties by itself."""
    client.collections.create(
        name,
        properties=[Property(name=each, data_type=DataType.TEXT) for each in _PROPERTIES],
        vectorizer_config=Configure.Vectorizer.none(),
    )


def _ingest(client: weaviate.WeaviateClient, folder: Path, collection: str) -> dict[str, float]:
    embedding = BundledEmbedding(
        model=StaticModel(bundled_files(), resident=True, cache_bytes=_CACHE_BYTES),
        embed_batch_size=_TEXTS_AT_ONCE,
    )
    pipeline = IngestionPipeline(
        transformations=[MarkdownNodeParser(), SentenceSplitter(), embedding],
        vector_store=WeaviateVectorStore(weaviate_client=client, index_name=collection),
        disable_cache=True,
    )
    started, before = time.perf_counter(), time.process_time()
    documents = [
        Document(text=path.read_text(encoding="utf-8"), metadata={"file_name": path.name})
        for path in sorted(folder.glob("*.md"))
    ]
    nodes = pipeline.run(documents=documents)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - before
    stored = client.collections.get(collection).aggregate.over_all(total_count=True).total_count
    return {
        "documents": len(documents),
        "chunks": len(nodes),
        "stored": stored or 0,
        "characters": sum(len(node.text) for node in nodes),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }


def main() -> None:
    """Ingest once, into a collection that is removed afterwards."""
    folder, collection = Path(sys.argv[1]), sys.argv[2]
    with _connect() as client:
        _make_collection(client, collection)
        try:
            figures = _ingest(client, folder, collection)
        finally:
            client.collections.delete(collection)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
