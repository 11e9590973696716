"""The typed client: one method for each route of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from quern.following import FollowLimits
from quern.models.documents import SearchAnswer
from quern.models.sources import UploadAccepted
from quern.multipart import MultipartFile
from quern.resources.documents import Documents, Groups
from quern.resources.jobs import Jobs
from quern.resources.rebuilds import Rebuilds
from quern.resources.runs import Runs
from quern.resources.sources import Sources
from quern.resources.system import SystemRoutes
from quern.retries import RetryPolicy
from quern.transport import Timeouts, Transport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from uuid import UUID

    from quern.models.documents import SearchFilters, SearchMode

DEFAULT_URL = "http://127.0.0.1:8000"


class Client:
    """Talks to one gateway; ``async with`` closes its connections.

    Every method raises a :class:`quern.errors.ClientError`: ``ProblemError`` where the gateway refuses,
    ``UnreachableError`` or ``NoAnswerError`` where it cannot be talked to, ``UnexpectedAnswerError`` where
    something else answers. GET requests are repeated a few times after a broken connection or a 503; nothing
    that changes something ever is.

    Args:
        base_url: of the gateway, such as ``http://127.0.0.1:8000``.
        timeouts: time limits of requests.
        retries: when to repeat a GET.
        follow: time limits of waiting for runs.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        follow: FollowLimits | None = None,
    ) -> None:
        self._transport = Transport(
            base_url=base_url, timeouts=timeouts or Timeouts(), retries=retries or RetryPolicy()
        )
        self.sources = Sources(self._transport)
        self.runs = Runs(self._transport, follow or FollowLimits())
        self.jobs = Jobs(self._transport)
        self.documents = Documents(self._transport)
        self.groups = Groups(self._transport)
        self.rebuilds = Rebuilds(self._transport)
        self.system = SystemRoutes(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def upload(
        self,
        path: Path,
        *,
        file_name: str | None = None,
        group_id: UUID | None = None,
        title: str | None = None,
        version_label: str | None = None,
        on_sent: Callable[[int, int], None] | None = None,
    ) -> UploadAccepted:
        """Upload a file; it is read and sent in pieces, never held as a whole.

        Args:
            path: the file.
            file_name: what it is called there, its own name if left out; the same name in the same group is a
                new version of the same document.
            group_id: where it belongs; the group ``default`` if left out.
            title: instead of the title that the document itself has.
            version_label: what people call this version.
            on_sent: called with the bytes sent so far and the file's size.

        Raises:
            UploadFileError: the file cannot be read, or changed meanwhile.
        """
        given = {"group_id": group_id, "title": title, "version_label": version_label}
        fields = {name: str(value) for name, value in given.items() if value is not None}
        body = MultipartFile(path=path, file_name=file_name or path.name, fields=fields, on_sent=on_sent)
        return await self._transport.upload(UploadAccepted, "/v1/ingest", body)

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        mode: SearchMode = "hybrid",
        alpha: float | None = None,
        filters: SearchFilters | None = None,
    ) -> SearchAnswer:
        """Find chunks.

        Args:
            query: in words.
            limit: 1 to 50 hits.
            mode: hybrid, vector or keyword.
            alpha: of a hybrid search, 0 (keyword alone) to 1 (vector alone); the gateway's default if left out.
            filters: where to look.
        """
        body: dict[str, Any] = {"query": query, "limit": limit, "mode": mode}
        if alpha is not None:
            body["alpha"] = alpha
        if filters is not None:
            body["filters"] = filters.model_dump(mode="json", exclude_none=True)
        return await self._transport.send(SearchAnswer, "POST", "/v1/search", body=body)
