"""What all the work has come to: the same, whatever went wrong on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.e2e import Truth

SOURCES: Final = """
    SELECT coalesce(url, file_name) AS name, type,
        (SELECT count(*) FROM documents d WHERE d.source_id = s.id AND d.status = 'active') AS documents
    FROM sources s WHERE status = 'live'"""

DOCUMENTS: Final = """
    SELECT coalesce(s.url, s.file_name) AS source, coalesce(d.url, d.source_uri) AS uri, d.title, d.status,
        v.content_hash, v.chunk_count, coalesce((
            SELECT string_agg(array_to_string(c.heading_path, '/') || ': ' || c.text, E'\\n' ORDER BY vc.ordinal)
            FROM version_chunks vc JOIN chunks c ON c.id = vc.chunk_id WHERE vc.version_id = v.id), '') AS text
    FROM documents d JOIN sources s ON s.id = d.source_id
    LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active
    WHERE s.status = 'live'"""

FAILURES: Final = """
    SELECT f.handler, coalesce(f.payload ->> 'url', s.file_name) AS what,
        array_agg(DISTINCT f.error_code ORDER BY f.error_code) AS codes
    FROM failed_jobs f JOIN sources s ON s.id = f.source_id GROUP BY 1, 2"""


@dataclass(frozen=True)
class Outcome:
    """Rows by a name that is the same in all runs."""

    sources: Mapping[str, Any]
    documents: Mapping[str, Any]
    failures: Mapping[str, Any]

    def differences(self, other: Outcome) -> list[str]:
        """What is not the same there, as lines."""
        found = []
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
            found += [
                f"{each.name}: {name}: {mine.get(name)} undisturbed, {theirs.get(name)} disturbed"
                for name in names
            ]
        return found


async def look(truth: Truth) -> Outcome:
    """Read it from the rows."""
    sources = {row["name"]: (row["type"], row["documents"]) for row in await truth.rows(SOURCES)}
    documents = {
        f"{row['source']} {row['uri']}": (
            row["title"],
            row["status"],
            row["content_hash"],
            row["chunk_count"],
            hashlib.sha256(row["text"].encode()).hexdigest()[:16],
        )
        for row in await truth.rows(DOCUMENTS)
    }
    failures = {f"{row['handler']} {row['what']}": row["codes"] for row in await truth.rows(FAILURES)}
    return Outcome(sources, documents, failures)
