"""What people are told about a source."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.postgres.reads.records import SourceRow

MASK: Final = "***"


class SourceStatus(StrEnum):
    """What a source is doing."""

    IDLE = "idle"
    QUEUED = "queued"
    INGESTING = "ingesting"
    FAILED = "failed"
    DELETING = "deleting"


def status_of(source: SourceRow) -> SourceStatus:
    """Derived from the row and its runs; the query ``sources_read.page`` filters by the same rule."""
    if source.row_status == "deleting":
        return SourceStatus.DELETING
    if source.has_running:
        return SourceStatus.INGESTING
    if source.has_queued:
        return SourceStatus.QUEUED
    return SourceStatus.FAILED if source.last_run_status == "failed" else SourceStatus.IDLE


def crawl_settings(source: SourceRow) -> dict[str, Any] | None:
    """How a web source is crawled; values of headers are secrets and masked."""
    if source.type != "web":
        return None
    return {**source.config, "headers": dict.fromkeys(source.header_names, MASK)}


def without_secrets(config: Mapping[str, Any]) -> dict[str, Any]:
    """A job's settings as they may be shown: values of headers masked, should there ever be any."""
    headers = config.get("headers")
    if not isinstance(headers, dict):
        return dict(config)
    return {**config, "headers": dict.fromkeys(headers, MASK)}
