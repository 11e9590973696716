"""From pages to objects in Weaviate, by the product's own parsers, chunker, embedder and writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest
from search_quality.corpora import KINDS
from shared.clock import new_id
from shared.content import embedded_text
from shared.contracts.caller import Caller
from shared.errors import WorkError
from shared.postgres.reads.records import EvidenceRow
from shared.vectors.port import VectorObject
from shared.vectors.slices import slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from search_quality.corpora import Corpus
    from shared.embedding.port import Embedder
    from shared.vectors.store import WeaviateStore

COLLECTION: Final = "Chunks_quality"
_BATCH: Final = 500


@dataclass(slots=True)
class Indexed:
    """What searches answer from.

    Attributes:
        caller: whose content it is.
        rows: by object.
        pages: ``corpus:path`` of each document.
        sources: the source that each manual is.
    """

    caller: Caller
    rows: dict[UUID, EvidenceRow] = field(default_factory=dict)
    pages: dict[UUID, str] = field(default_factory=dict)
    sources: dict[str, UUID] = field(default_factory=dict)


async def index(tenant: str, corpora: list[Corpus], *, vectors: WeaviateStore, embedder: Embedder) -> Indexed:
    """Fill a tenant with the corpora, each of them one source."""
    await vectors.ensure_collection(COLLECTION, dimensions=embedder.dimensions)
    await vectors.ensure_alias(COLLECTION)
    await vectors.ensure_tenant(COLLECTION, tenant)
    made = Indexed(Caller(tenant_id=new_id(), tenant_slug=tenant, actor="search-quality", request_id="-"))
    for corpus in corpora:
        made.sources[corpus.name] = new_id()
        rows = [row for page in corpus.pages.items() for row in _rows(corpus, *page, made)]
        for part in slices(rows, _BATCH):
            await _write(tenant, part, vectors, embedder)
        made.rows |= {row.object_id: row for row in rows}
    return made


def page(corpus: Corpus, path: str) -> str:
    """How a page is named among those of all corpora."""
    return f"{corpus.name}:{path}"


def _rows(corpus: Corpus, name: str, path: Path, made: Indexed) -> Iterator[EvidenceRow]:
    request = ParseRequest(
        kind=KINDS[path.suffix], body=path.read_bytes(), url=f"https://{corpus.name}.test/{name}"
    )
    try:
        parsed = parse(request)
    except WorkError:
        return  # a page without content is skipped by a crawl as well
    document_id, version_id = new_id(), new_id()
    made.pages[document_id] = page(corpus, name)
    for ordinal, chunk in enumerate(parsed.chunks):
        yield EvidenceRow(
            object_id=new_id(),
            chunk_id=new_id(),
            text=chunk.text,
            heading_path=list(chunk.heading_path),
            title=parsed.title,
            url=request.url,
            language=parsed.language,
            source_id=made.sources[corpus.name],
            document_id=document_id,
            version_id=version_id,
            ordinal=ordinal,
        )


async def _write(
    tenant: str, rows: Sequence[EvidenceRow], vectors: WeaviateStore, embedder: Embedder
) -> None:
    texts = [embedded_text(row.heading_path, row.text) for row in rows]
    batch_id, barrier_id = new_id(), new_id()
    objects = [
        VectorObject(
            object_id=row.object_id,
            chunk_id=row.chunk_id,
            source_id=row.source_id,
            document_id=row.document_id,
            batch_id=batch_id,
            type="web",
            language=row.language or "",
            text=text,
            vector=vector,
        )
        for row, text, vector in zip(rows, texts, await embedder.embed(texts), strict=True)
    ]
    await vectors.write_batch(COLLECTION, tenant, objects, barrier_id=barrier_id)
