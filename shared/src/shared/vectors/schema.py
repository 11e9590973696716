"""The schema of a collection, as Weaviate's REST interface takes it. Pure."""

from __future__ import annotations

import re
from typing import Any

from shared.vectors.port import MARKS

VECTOR = "content"
TEXT = "text"
EXACT = ("chunk_id", "source_id", "document_id", "batch_id", "type", "language")
"""Properties that filters compare as a whole; not searched."""

_DESCRIPTION = re.compile(r"Chunks as vectors of (\d+) dimensions")


def collection_schema(name: str, *, dimensions: int) -> dict[str, Any]:
    """A collection with native tenants, vectors that we provide, and keyword search on the text.

    The dimensions stand in the description, because Weaviate learns them from the first object only.
    Vectors are kept in full: at 256 dimensions quantisation made imports no faster.
    """
    return {
        "class": name,
        "description": f"Chunks as vectors of {dimensions} dimensions",
        "properties": [_text(), *map(_exact, EXACT)],
        "vectorConfig": {
            VECTOR: {
                "vectorizer": {"none": {}},
                "vectorIndexType": "hnsw",
                "vectorIndexConfig": {"distance": "cosine", "skipDefaultQuantization": True},
            }
        },
        "invertedIndexConfig": {
            "stopwords": {"preset": "en"},
            "indexTimestamps": False,
            "indexNullState": False,
            "indexPropertyLength": False,
        },
        # Automatic creation would bring a deleted tenant back with the first late write.
        "multiTenancyConfig": {"enabled": True, "autoTenantCreation": False, "autoTenantActivation": True},
        "replicationConfig": {"factor": 1},
    }


def marks_schema() -> dict[str, Any]:
    """A collection of one object without a vector and without an index."""
    plain = {"indexFilterable": False, "indexSearchable": False}
    return {
        "class": MARKS,
        "description": "Which state of Postgres this Weaviate has seen",
        "properties": [
            {"name": "history", "dataType": ["text"], **plain},
            {"name": "turn", "dataType": ["int"], "indexFilterable": False},
        ],
        "vectorizer": "none",
        "vectorIndexConfig": {"skip": True},
    }


def differences(found: dict[str, Any], *, dimensions: int) -> list[str]:
    """What of an existing collection is not as :func:`collection_schema` makes it, for people."""
    wanted = collection_schema(found["class"], dimensions=dimensions)
    problems = []
    if dimensions_of(found) != dimensions:
        problems.append(f"{dimensions_of(found)} dimensions instead of {dimensions}")
    for name, value in wanted["multiTenancyConfig"].items():
        if found.get("multiTenancyConfig", {}).get(name) != value:
            problems.append(f"{name} is not {value}")
    vector = found.get("vectorConfig", {}).get(VECTOR, {})
    if vector.get("vectorIndexConfig", {}).get("distance") != "cosine" or "none" not in vector.get(
        "vectorizer", {}
    ):
        problems.append(f"no self-provided cosine vector {VECTOR!r}")
    properties = {each["name"]: each for each in found.get("properties", [])}
    wrong = [
        each["name"]
        for each in wanted["properties"]
        if any(properties.get(each["name"], {}).get(key) != value for key, value in each.items())
    ]
    return problems + [f"property {name!r} is missing or indexed otherwise" for name in wrong]


def dimensions_of(found: dict[str, Any]) -> int | None:
    """The dimensions that a collection was made for, where it is ours."""
    match = _DESCRIPTION.fullmatch(found.get("description") or "")
    return int(match[1]) if match else None


def _text() -> dict[str, Any]:
    return {
        "name": TEXT,
        "dataType": ["text"],
        "tokenization": "word",
        "indexSearchable": True,
        "indexFilterable": False,
    }


def _exact(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "dataType": ["text"],
        "tokenization": "field",
        "indexSearchable": False,
        "indexFilterable": True,
    }
