"""What the answer of ``/v1/nodes?output=verbose`` means. Pure."""

from __future__ import annotations

from typing import Any

from shared.vectors.port import Readiness, ReadinessStatus

_NAMED_SHARDS = 5


def judge_nodes(answer: dict[str, Any]) -> Readiness:
    """Up, unless a node is unwell or a shard takes no writes (``/ready`` stays 200 then)."""
    nodes = answer.get("nodes") or []
    unwell = [f"node {node['name']} is {node['status']}" for node in nodes if node["status"] != "HEALTHY"]
    read_only = [
        f"{shard['class']}/{shard['name']}"
        for node in nodes
        for shard in node.get("shards") or ()
        if shard.get("vectorIndexingStatus") == "READONLY"
    ]
    if read_only:
        named = ", ".join(read_only[:_NAMED_SHARDS])
        unwell.append(f"{len(read_only)} shards are read-only (is the disk full?): {named}")
    if not nodes:
        unwell.append("no node answers")
    if not unwell:
        return Readiness(ReadinessStatus.UP)
    return Readiness(ReadinessStatus.DEGRADED, "; ".join(unwell), read_only=bool(read_only))
