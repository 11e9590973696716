"""The pure parts: schema, translation of errors, health, messages."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from shared.clock import new_id
from shared.vectors import (
    CollectionMissingError,
    Filters,
    ReadinessStatus,
    SearchMode,
    SearchQuery,
    TenantMissingError,
    VectorObject,
    VectorsReadOnlyError,
    VectorsRejectedError,
    VectorsUnavailableError,
)
from shared.vectors.health import judge_nodes
from shared.vectors.messages import add_object, of_filters, search_request
from shared.vectors.schema import collection_schema, differences, dimensions_of
from shared.vectors.slices import slices
from shared.vectors.stubs import base_pb2, batch_pb2
from shared.vectors.translate import from_rpc, from_sentence, from_status


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ('tenant not found: "nope"', TenantMissingError),
        (
            'explorer: get class: vector search: object vector search at index q: tenant not found: "x"',
            TenantMissingError,
        ),
        ("could not find class Nope1 in schema", CollectionMissingError),
        ("class 'Nope1' not present in schema", CollectionMissingError),
        ("delete from non-existing index for Nope1", CollectionMissingError),
        ("store is read-only due to: manually set by user", VectorsReadOnlyError),
        ("store is read-only due to: disk usage too high", VectorsReadOnlyError),
        ("cannot process batch: not enough memory", VectorsUnavailableError),
        ("context deadline exceeded", VectorsUnavailableError),
        ("context canceled", VectorsUnavailableError),
        ("leader not found", VectorsUnavailableError),
        ("extract auth: unauthorized: invalid api key", VectorsUnavailableError),
        ("write: no space left on device", VectorsUnavailableError),
        ("object search at index chunks_1: no read replica found", VectorsUnavailableError),
        ("batch delete: cannot find objects: no read replica found", VectorsUnavailableError),
        ("put object: no write replica found", VectorsUnavailableError),
        ('local index "Chunks_1" not found', VectorsUnavailableError),
        ('shard "default" not found', VectorsUnavailableError),
        ("vector dimensions do not match the index dimensions", VectorsRejectedError),
        ("the value of typeof is wrong", VectorsRejectedError),
        ("", VectorsRejectedError),
    ],
)
def test_sentences_are_told_apart(sentence: str, kind: type[Exception]) -> None:
    assert type(from_sentence(sentence)) is kind


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        ("UNAVAILABLE", "failed to connect to all addresses", VectorsUnavailableError),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", VectorsUnavailableError),
        ("CANCELLED", "", VectorsUnavailableError),
        ("UNKNOWN", 'tenant not found: "x"', TenantMissingError),
        ("UNAVAILABLE", "server is in read-only mode", VectorsReadOnlyError),
        ("UNKNOWN", "invalid pagination params", VectorsRejectedError),
        ("RESOURCE_EXHAUSTED", "received message larger than max", VectorsRejectedError),
        ("RESOURCE_EXHAUSTED", "not enough memory", VectorsUnavailableError),
    ],
)
def test_codes_are_told_apart(code: str, details: str, kind: type[Exception]) -> None:
    assert type(from_rpc(code, details)) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, "", VectorsUnavailableError),
        (401, '{"code":401,"message":"invalid api key"}', VectorsUnavailableError),
        (429, "slow down", VectorsUnavailableError),
        (422, "class name X already exists", VectorsRejectedError),
        (500, "delete local object: store is read-only due to: full", VectorsReadOnlyError),
        (500, "something else", VectorsRejectedError),
    ],
)
def test_http_statuses_are_told_apart(status: int, body: str, kind: type[Exception]) -> None:
    assert type(from_status(status, body)) is kind


def test_long_answers_are_shortened() -> None:
    assert len(str(from_sentence("x" * 10_000))) < 600


def test_a_schema_has_no_difference_to_itself() -> None:
    assert differences(collection_schema("C", dimensions=256), dimensions=256) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"description": "someone else's"}, "dimensions"),
        ({"multiTenancyConfig": {"enabled": False}}, "enabled"),
        ({"multiTenancyConfig": {"enabled": True, "autoTenantCreation": True}}, "autoTenantCreation"),
        ({"vectorConfig": {}}, "content"),
        ({"properties": []}, "text"),
    ],
)
def test_a_foreign_schema_is_told(change: dict[str, Any], complaint: str) -> None:
    found = collection_schema("C", dimensions=256) | change

    assert complaint in "; ".join(differences(found, dimensions=256))


def test_dimensions_stand_in_the_description() -> None:
    assert dimensions_of(collection_schema("C", dimensions=384)) == 384
    assert dimensions_of({"class": "C"}) is None


def node(*, status: str = "HEALTHY", shards: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"name": "n", "status": status, "shards": shards}


@pytest.mark.parametrize(
    ("nodes", "status", "detail"),
    [
        ([node()], ReadinessStatus.UP, ""),
        (
            [node(shards=[{"class": "C", "name": "a", "vectorIndexingStatus": "READY"}])],
            ReadinessStatus.UP,
            "",
        ),
        (
            [node(shards=[{"class": "C", "name": "a", "vectorIndexingStatus": "READONLY"}])],
            ReadinessStatus.DEGRADED,
            "C/a",
        ),
        ([node(), node(status="UNHEALTHY")], ReadinessStatus.DEGRADED, "UNHEALTHY"),
        ([], ReadinessStatus.DEGRADED, "no node"),
    ],
)
def test_health_is_judged_by_nodes_and_shards(
    nodes: list[dict[str, Any]], status: ReadinessStatus, detail: str
) -> None:
    judged = judge_nodes({"nodes": nodes})

    assert judged.status is status
    assert detail in judged.detail


def test_without_a_filter_there_is_one_that_holds_for_everything() -> None:
    # Without any filter Weaviate walks a graph that has gaps after a restart.
    assert of_filters(Filters()).operator == base_pb2.Filters.OPERATOR_NOT_EQUAL


def test_one_filter_is_not_wrapped() -> None:
    made = of_filters(Filters(types=["web"]))

    assert made is not None
    assert list(made.value_text_array.values) == ["web"]
    assert len(made.filters) == 0


def test_a_search_without_a_vector_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="vector"):
        search_request("C", "t", SearchQuery(mode=SearchMode.VECTOR), None)


def test_a_vector_travels_as_little_endian_floats() -> None:
    values = np.array([1.5, -2.0, 0.25], dtype=">f4").astype(np.float32)
    one = VectorObject.barrier(new_id(), values[::-1])

    request = batch_pb2.BatchObjectsRequest()
    add_object(request, "C", "t", one)

    (made,) = request.objects
    (vector,) = made.vectors
    assert np.frombuffer(vector.vector_bytes, dtype="<f4").tolist() == [0.25, -2.0, 1.5]
    assert made.properties.non_ref_properties.fields["chunk_id"].string_value == str(one.object_id)


@pytest.mark.parametrize(("number", "expected"), [(0, []), (1, [1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_slices_cover_everything_in_order(number: int, expected: list[int]) -> None:
    parts = list(slices(range(number), 3))

    assert [len(part) for part in parts] == expected
    assert [one for part in parts for one in part] == list(range(number))


def test_the_messages_are_those_of_the_client_library_without_the_library() -> None:
    program = (
        "import sys; from shared.vectors import WeaviateStore; from shared.vectors.stubs import base_pb2, batch_pb2 as ours;"
        "assert not {'weaviate', 'weaviate.proto', 'httpx'} & sys.modules.keys();"
        "from weaviate.proto.v1 import batch_pb2 as theirs; assert ours is theirs"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_library_may_come_first() -> None:
    program = (
        "import sys, weaviate; from shared.vectors.stubs import base_pb2, batch_pb2;"
        "assert sys.modules['weaviate'] is weaviate; assert weaviate.connect_to_local"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
