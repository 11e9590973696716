"""What operations are called, and under which heading they stand: derived from their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.http.models.common import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.http.route import AnyRoute

#: Every heading, in the order in which people read them.
TAGS: Final[Mapping[str, str]] = {
    "Sources": "What Quern is pointed at: web sites to crawl and files that were uploaded.",
    "Uploads": "Files, taken in one request each. What is equal to something that is there is stored once.",
    "Documents": "What was found, as a user thinks of it: a page, or a file. Each has versions, one of them served.",
    "Search": "Finds chunks of what is served now, and nothing else.",
    "Runs": "An ingestion run is a root job that ingests: a crawl with a child job for each page, or one upload.",
    "Jobs": "All units of work. A failed one can be retried, an ended one run again.",
    "Groups": "Groups of sources, to search in and to say what of a table's rows is embedded.",
    "Operations": "What operators look at: figures, components, the ledger, what could not be understood.",
    "Health": "For machines that look after the process.",
    "Accounts": "Who is signed in, users of a tenant and their API tokens.",
    "Tenants": "For operators of the installation.",
    "Webhooks": "Have other systems told when runs end.",
}

_TAG_OF: Final[Mapping[str, str]] = {
    "sources": "Sources",
    "ingest": "Uploads",
    "documents": "Documents",
    "search": "Search",
    "ingestion-runs": "Runs",
    "prunes": "Runs",
    "jobs": "Jobs",
    "groups": "Groups",
    "reindex": "Operations",
    "stats": "Operations",
    "limits": "Operations",
    "system": "Operations",
    "audit": "Operations",
    "healthz": "Health",
    "readyz": "Health",
    "auth": "Accounts",
    "users": "Accounts",
    "tokens": "Accounts",
    "tenants": "Tenants",
    "webhooks": "Webhooks",
}
_VERBS: Final[Mapping[str, str]] = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}


def tag_of(route: AnyRoute) -> str:
    """The heading of a route, by the first word of its path."""
    word = route.path.split("/")[1]
    return _TAG_OF.get(word, word)


def operation_id(route: AnyRoute) -> str:
    """A stable name for generated clients: ``list_sources``, ``get_source``, ``sync_source``."""
    words = _words(route.path)
    if route.method == "POST" and len(words) > 1:
        return "_".join((words[-1], *words[:-1]))
    if route.method == "POST" and words[0] in ("search", "ingest", "reindex"):
        return words[0]
    if route.method == "POST":
        return f"create_{_singular(words[0])}"
    if route.method == "GET":
        is_list = route.answer is not None and issubclass(route.answer, Page)
        return "_".join(("list" if is_list else "get", *words))
    return "_".join((_VERBS[route.method], *words))


def _words(path: str) -> list[str]:
    """The words of a path; one before an id in its singular."""
    segments = path.replace("-", "_").split("/")[1:]
    following = [*segments[1:], ""]
    return [
        _singular(word) if after.startswith("{") else word
        for word, after in zip(segments, following, strict=True)
        if not word.startswith("{")
    ]


def _singular(word: str) -> str:
    return word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s")
