"""The protobuf messages and the gRPC stub that Weaviate's client library carries, without the library around them.

Importing the library costs every process 35 MB and seconds of CPU time, for calls that are not used here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

_GENERATED = "weaviate.proto.v1.v6300.v1"  # for protobuf 6.30 and later, which is what the lock pins
_PARENTS = ("weaviate", "weaviate.proto", "weaviate.proto.v1")

if TYPE_CHECKING:
    from weaviate.proto.v1.v6300.v1 import (
        aggregate_pb2,
        base_pb2,
        base_search_pb2,
        batch_delete_pb2,
        batch_pb2,
        search_get_pb2,
        weaviate_pb2_grpc,
    )


def _load(name: str) -> ModuleType:
    """Import a generated module; parents that are not imported yet are stood in for meanwhile.

    Whoever imports the library itself, before or later, shares these modules.
    """
    spec = find_spec(_PARENTS[0])
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the package weaviate-client is not installed")
    stand_ins = [parent for parent in _PARENTS if parent not in sys.modules]
    for parent in stand_ins:
        module = ModuleType(parent)
        below = parent.split(".")[1:]
        module.__path__ = ["/".join((spec.submodule_search_locations[0], *below))]
        sys.modules[parent] = module
    try:
        return import_module(f"{_GENERATED}.{name}")
    finally:
        for parent in stand_ins:
            del sys.modules[parent]


if not TYPE_CHECKING:
    aggregate_pb2 = _load("aggregate_pb2")
    base_pb2 = _load("base_pb2")
    base_search_pb2 = _load("base_search_pb2")
    batch_delete_pb2 = _load("batch_delete_pb2")
    batch_pb2 = _load("batch_pb2")
    search_get_pb2 = _load("search_get_pb2")
    weaviate_pb2_grpc = _load("weaviate_pb2_grpc")

__all__ = [
    "aggregate_pb2",
    "base_pb2",
    "base_search_pb2",
    "batch_delete_pb2",
    "batch_pb2",
    "search_get_pb2",
    "weaviate_pb2_grpc",
]
