"""Examples of documents and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story
from gateway.http.models import documents, groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

MARKDOWN: Final = "# Installation\n\nRun `make setup`, then `make up`. Both can be repeated at any time.\n"

_DOCUMENT: Final[dict[str, Any]] = {
    "id": story.DOCUMENT,
    "source_id": story.SOURCE,
    "source_uri": story.PAGE_URL,
    "title": "Installation",
    "url": story.PAGE_URL,
    "content_type": "text/html",
    "language": "en",
    "status": "active",
    "active_version_id": story.VERSION,
    "chunks": 14,
    "created_at": story.LATER,
    "updated_at": story.LATER,
}
_VERSION: Final[dict[str, Any]] = {
    "id": story.VERSION,
    "version_label": None,
    "content_hash": story.HASH,
    "is_active": True,
    "chunks": 14,
    "created_at": story.LATER,
}

_SUMMARY: Final[dict[str, Any]] = {
    "text": "Run `make setup`, then `make up`.",
    "method": "extractive",
    "model": None,
    "version_id": story.VERSION,
    "is_current": True,
    "created_at": story.ENDED,
}

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    documents.ActivateVersion: {"version_id": story.VERSION},
    documents.Document: _DOCUMENT,
    documents.DocumentDetail: {**_DOCUMENT, "versions": [_VERSION], "summary": _SUMMARY},
    documents.Chunk: {
        "chunk_id": story.CHUNK,
        "ordinal": 0,
        "text": "Run `make setup`, then `make up`. Both can be repeated at any time.",
        "heading_path": ["Installation"],
        "page": None,
        "row": None,
    },
    groups.GroupInput: {"name": "Manuals"},
    groups.PreferencesInput: {"columns": ["article", "description"], "context_columns": ["category"]},
    groups.Preferences: {"columns": ["article", "description"], "context_columns": ["category"]},
    groups.Group: {"id": story.GROUP, "name": "Manuals", "sources": 2, "created_at": story.BEGAN},
}
