"""Examples of sources and uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story, work
from gateway.http.models import errands, sources, uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

SOURCE: Final[dict[str, Any]] = {
    "id": story.SOURCE,
    "type": "web",
    "name": "Handbook",
    "url": story.URL,
    "file_name": None,
    "group_id": story.GROUP,
    "status": "ingesting",
    "schedule": None,
    "crawl": {
        "max_depth": 3,
        "max_pages": 1000,
        "include": [],
        "exclude": ["/archive/"],
        "same_host": True,
        "path_prefix": "/guide/",
        "respect_robots": True,
        "use_sitemap": True,
        "use_llms_txt": True,
        "render": "never",
        "headers": {"Authorization": "***"},
        "delay_ms": 500,
    },
    "documents": 41,
    "chunks": 612,
    "last_run": {"id": story.RUN, "status": "running", "finished_at": None},
    "created_at": story.BEGAN,
    "updated_at": story.BEGAN,
}

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    sources.Source: SOURCE,
    sources.SourceAdded: {"source": SOURCE, "run": work.RUN},
    sources.SourceDeleting: {"id": story.SOURCE, "status": "deleting"},
    sources.RunStarted: {"run_id": story.RUN},
    errands.ReembedSources: {"source_ids": [story.SOURCE]},
    errands.ReembedStarted: {"runs": [{"source_id": story.SOURCE, "run_id": story.RUN}]},
    sources.CrawledPage: {
        "url": story.PAGE_URL,
        "status": "succeeded",
        "reason": None,
        "depth": 1,
        "http_status": 200,
        "content_hash": story.HASH,
        "document_id": story.DOCUMENT,
        "fetched_at": story.LATER,
    },
    sources.Columns: {
        "columns": [{"name": "article", "type": "text"}, {"name": "price", "type": "number"}],
    },
    uploads.UploadAccepted: {
        "run_id": story.UPLOAD_RUN,
        "status": "queued",
        "source_id": story.TABLE,
        "document_id": story.TABLE_DOCUMENT,
        "reason": None,
        "duplicate_of": None,
    },
}
