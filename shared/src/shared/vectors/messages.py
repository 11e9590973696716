"""Weaviate's protobuf messages, made and taken apart. Pure.

The messages come with the client library; its own calls are not used, because they send the same objects again
when a connection breaks, which hides holes instead of healing them, and wait a minute for a server that is down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from shared.vectors.port import Entry, Filters, Hit, SearchMode, SearchQuery
from shared.vectors.schema import TEXT, VECTOR
from shared.vectors.stubs import (
    aggregate_pb2,
    base_pb2,
    base_search_pb2,
    batch_delete_pb2,
    search_get_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from shared.vectors.port import VectorObject
    from shared.vectors.stubs import batch_pb2

_Operator = base_pb2.Filters
_OBJECT_ID = "_id"
_AUDITED = ("chunk_id", "source_id", "document_id", "batch_id", "type")


def add_object(
    request: batch_pb2.BatchObjectsRequest, collection: str, tenant: str, one: VectorObject
) -> None:
    """Add one object to an insert, in place: half the time of making parts and putting them together."""
    added = request.objects.add(uuid=str(one.object_id), collection=collection, tenant=tenant)
    fields = added.properties.non_ref_properties.fields
    fields[TEXT].string_value = one.text
    fields["chunk_id"].string_value = str(one.chunk_id)
    fields["source_id"].string_value = str(one.source_id)
    fields["document_id"].string_value = str(one.document_id)
    fields["batch_id"].string_value = str(one.batch_id)
    fields["type"].string_value = one.type
    fields["language"].string_value = one.language
    added.vectors.append(_vector(one.vector))


def search_request(
    collection: str, tenant: str, query: SearchQuery, filters: base_pb2.Filters | None
) -> search_get_pb2.SearchRequest:
    """A search for evidence."""
    request = _request(collection, tenant, limit=query.limit, filters=filters, properties=("chunk_id",))
    request.offset = query.offset
    request.metadata.score = True
    request.metadata.distance = True
    match query.mode:
        case SearchMode.VECTOR:
            request.near_vector.CopyFrom(_near(query.vector))
        case SearchMode.KEYWORD:
            request.bm25_search.CopyFrom(base_search_pb2.BM25(query=query.text, properties=[TEXT]))
        case SearchMode.HYBRID:
            request.hybrid_search.CopyFrom(_hybrid(query))
    return request


def near_request(
    collection: str, tenant: str, vector: NDArray[np.float32], filters: base_pb2.Filters, *, limit: int
) -> search_get_pb2.SearchRequest:
    """Which of the filtered objects the vector index knows."""
    request = _request(collection, tenant, limit=limit, filters=filters)
    request.near_vector.CopyFrom(_near(vector))
    return request


def list_request(
    collection: str,
    tenant: str,
    *,
    limit: int,
    after: UUID | None = None,
    filters: base_pb2.Filters | None = None,
    properties: Collection[str] = (),
) -> search_get_pb2.SearchRequest:
    """Objects by id, without a search: after another one, or those of a filter."""
    request = _request(collection, tenant, limit=limit, filters=filters, properties=properties)
    if after is not None:
        request.after = str(after)
    return request


def scan_request(
    collection: str, tenant: str, *, after: UUID | None, limit: int
) -> search_get_pb2.SearchRequest:
    """Objects after another one, with what an audit compares."""
    return list_request(collection, tenant, limit=limit, after=after, properties=_AUDITED)


def delete_request(
    collection: str, tenant: str, filters: base_pb2.Filters
) -> batch_delete_pb2.BatchDeleteRequest:
    """A delete of what a filter finds, 10,000 at most."""
    return batch_delete_pb2.BatchDeleteRequest(collection=collection, tenant=tenant, filters=filters)


def count_request(
    collection: str, tenant: str, filters: base_pb2.Filters | None
) -> aggregate_pb2.AggregateRequest:
    """A count of all objects, or of what a filter finds."""
    return aggregate_pb2.AggregateRequest(
        collection=collection, tenant=tenant, objects_count=True, filters=filters
    )


def of_property(name: str, value: UUID | str) -> base_pb2.Filters:
    """Objects whose property is this value."""
    return _filter(_Operator.OPERATOR_EQUAL, name, value_text=str(value))


def of_ids(object_ids: Iterable[UUID]) -> base_pb2.Filters:
    """Objects with one of these ids."""
    return _among(_Operator.OPERATOR_CONTAINS_ANY, _OBJECT_ID, object_ids)


def all_of(parts: Sequence[base_pb2.Filters]) -> base_pb2.Filters | None:
    """Objects that every one of these filters finds; ``None`` finds all."""
    if len(parts) > 1:
        return base_pb2.Filters(operator=_Operator.OPERATOR_AND, filters=parts)
    return parts[0] if parts else None


def of_filters(filters: Filters) -> base_pb2.Filters:
    """What a search is narrowed to. An empty collection must be answered without asking: Weaviate refuses it.

    A search that is not narrowed gets a condition that holds for everything. Below 40,000 objects Weaviate answers
    a filtered search by comparing all of them, and without a filter by walking its graph; after a restart the graph
    has gaps where objects were deleted, until they are closed five minutes later, and whole neighbourhoods behind
    them are not found. A negation holds as well for objects that a crash has left without an index of properties.
    """
    wanted = {
        "source_id": filters.source_ids,
        "document_id": filters.document_ids,
        "type": filters.types,
        "language": filters.languages,
    }
    parts = [
        _among(_Operator.OPERATOR_CONTAINS_ANY, name, values)
        for name, values in wanted.items()
        if values is not None
    ]
    if filters.exclude_source_ids:
        parts.append(_among(_Operator.OPERATOR_CONTAINS_NONE, "source_id", filters.exclude_source_ids))
    return all_of(parts) or _filter(_Operator.OPERATOR_NOT_EQUAL, "type", value_text="none")


def hits(reply: search_get_pb2.SearchReply, mode: SearchMode) -> list[Hit]:
    """The hits of a search, best first."""
    return [
        Hit(object_id=UUID(each.metadata.id), chunk_id=chunk, score=_score(each.metadata, mode))
        for each in reply.results
        if (chunk := _uuid(each, "chunk_id")) is not None
    ]


def entries(reply: search_get_pb2.SearchReply) -> list[Entry]:
    """The objects of a listing."""
    return [
        Entry(
            object_id=UUID(each.metadata.id),
            chunk_id=_uuid(each, "chunk_id"),
            source_id=_uuid(each, "source_id"),
            document_id=_uuid(each, "document_id"),
            batch_id=_uuid(each, "batch_id"),
            type=each.properties.non_ref_props.fields["type"].text_value,
        )
        for each in reply.results
    ]


def object_ids(reply: search_get_pb2.SearchReply) -> set[UUID]:
    """The ids of what was found."""
    return {UUID(each.metadata.id) for each in reply.results}


def _request(
    collection: str,
    tenant: str,
    *,
    limit: int,
    filters: base_pb2.Filters | None,
    properties: Collection[str] = (),
) -> search_get_pb2.SearchRequest:
    return search_get_pb2.SearchRequest(
        collection=collection,
        tenant=tenant,
        limit=limit,
        filters=filters,
        metadata=search_get_pb2.MetadataRequest(uuid=True),
        properties=search_get_pb2.PropertiesRequest(non_ref_properties=properties),
        uses_123_api=True,
        uses_125_api=True,
        uses_127_api=True,
    )


def _vector(vector: NDArray[np.float32] | None) -> base_pb2.Vectors:
    if vector is None:
        raise ValueError("this search needs a vector")
    packed = np.ascontiguousarray(vector, dtype="<f4").tobytes()
    return base_pb2.Vectors(name=VECTOR, vector_bytes=packed, type=base_pb2.Vectors.VECTOR_TYPE_SINGLE_FP32)


def _near(vector: NDArray[np.float32] | None) -> base_search_pb2.NearVector:
    return base_search_pb2.NearVector(
        vectors=[_vector(vector)], targets=base_search_pb2.Targets(target_vectors=[VECTOR])
    )


def _hybrid(query: SearchQuery) -> base_search_pb2.Hybrid:
    return base_search_pb2.Hybrid(
        query=query.text,
        properties=[TEXT],
        alpha_param=query.alpha,
        use_alpha_param=True,
        fusion_type=base_search_pb2.Hybrid.FUSION_TYPE_RELATIVE_SCORE,
        vectors=[_vector(query.vector)],
        targets=base_search_pb2.Targets(target_vectors=[VECTOR]),
    )


def _filter(operator: base_pb2.Filters.Operator, name: str, *, value_text: str) -> base_pb2.Filters:
    target = base_pb2.FilterTarget(property=name)
    return base_pb2.Filters(operator=operator, target=target, value_text=value_text)


def _among(operator: base_pb2.Filters.Operator, name: str, values: Iterable[UUID | str]) -> base_pb2.Filters:
    target = base_pb2.FilterTarget(property=name)
    texts = base_pb2.TextArray(values=[str(value) for value in values])
    return base_pb2.Filters(operator=operator, target=target, value_text_array=texts)


def _uuid(result: search_get_pb2.SearchResult, name: str) -> UUID | None:
    try:
        return UUID(result.properties.non_ref_props.fields[name].text_value)
    except ValueError:
        return None


def _score(metadata: search_get_pb2.MetadataResult, mode: SearchMode) -> float:
    """See :class:`~shared.vectors.port.Hit`."""
    if mode is SearchMode.VECTOR:
        return min(1.0, max(0.0, 1.0 - float(metadata.distance)))
    score = float(metadata.score)
    return score / (1.0 + score) if mode is SearchMode.KEYWORD else min(1.0, max(0.0, score))
