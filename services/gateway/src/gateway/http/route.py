"""What a route is: everything that validation, OpenAPI and metrics need to know about it, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from gateway.http.models.common import NoBody, NoQuery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from shared.contracts.caller import Caller

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)

Answer = BaseModel | web.StreamResponse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """A request that has been understood: what a handler gets.

    Attributes:
        caller: the principal.
        ids: the ids in the path, by name.
        query: the parameters.
        body: the JSON body; an empty model where the route has none.
        request: for routes that stream.
    """

    caller: Caller
    ids: Mapping[str, UUID]
    query: Q
    body: B
    request: web.BaseRequest


Handler = Callable[[Call[Q, B]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route(Generic[Q, B]):
    """One method of one path.

    Attributes:
        path: below ``/v1``; ``{name}`` stands for an id.
        status: of a success.
        answer: the model of a success; None for an empty or streamed one.
        query: the parameters it takes; any other is refused.
        body: the JSON body it takes; any other field is refused.
        optional_body: whether the body may be left out.
        problems: the codes of the refusals that this route adds to the common ones and to ``not_found``.
        media_type: of a success that is not JSON.
        multipart: the schema of a multipart body, for OpenAPI; the handler reads it.
    """

    method: str
    path: str
    handler: Handler[Q, B]
    summary: str
    _: KW_ONLY
    status: int = 200
    answer: type[BaseModel] | None = None
    query: type[Q] = field(default=NoQuery)  # type: ignore[assignment]  # the default of a generic field
    body: type[B] = field(default=NoBody)  # type: ignore[assignment]  # likewise
    optional_body: bool = False
    problems: tuple[str, ...] = ()
    media_type: str = "application/json"
    multipart: Mapping[str, Any] | None = None

    @property
    def tag(self) -> str:
        """What it is about: the first word of its path."""
        return self.path.split("/")[1]

    @property
    def takes_json(self) -> bool:
        """Whether a JSON body belongs to it."""
        return self.body is not NoBody


AnyRoute = Route[Any, Any]
