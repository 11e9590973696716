"""From a method and a path to a route. Literal segments win: ``failed`` is a route, never an id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")


class UnknownPathError(Exception):
    """No route has this path."""


class WrongMethodError(Exception):
    """The path is known, the method is not one of its."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


class BadIdError(Exception):
    """The path would fit, but what stands in the place of an id is none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    name: str = ""
    routes: dict[str, T] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """A route with the ids of its path."""

    route: T
    ids: Mapping[str, UUID]


class Router(Generic[T]):
    """A tree of path segments.

    Args:
        entries: method, path and route; ``{name}`` in a path stands for an id.
    """

    def __init__(self, entries: Iterable[tuple[str, str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for method, path, route in entries:
            self._add(method, path, route)

    def _add(self, method: str, path: str, route: T) -> None:
        node = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node(name=segment.strip("{}"))
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        if method in node.routes:
            raise ValueError(f"{method} {path} stands twice in the table")
        node.routes[method] = route

    def match(self, method: str, path: str) -> Match[T]:
        """The route of a request.

        Raises:
            UnknownPathError: no route has this path.
            WrongMethodError: other methods have it.
            BadIdError: an id in it is no UUID.
        """
        node, texts = self._find(path)
        ids = {name: _uuid(text) for name, text in texts.items()}
        bad = next((name for name, value in ids.items() if value is None), None)
        route = node.routes.get(method)
        if route is None and method == "HEAD":
            route = node.routes.get("GET")
        if route is None:
            # A word in the place of an id may be a path of a later version: it has no methods here.
            if bad is not None or not node.routes:
                raise UnknownPathError(path)
            raise WrongMethodError(_allowed(node.routes))
        if bad is not None:
            raise BadIdError(bad)
        return Match(route, {name: value for name, value in ids.items() if value is not None})

    def _find(self, path: str) -> tuple[_Node[T], dict[str, str]]:
        node = self._root
        texts: dict[str, str] = {}
        for segment in path.split("/")[1:]:
            following = node.literals.get(segment)
            if following is None and node.parameter is not None and segment:
                following = node.parameter
                texts[following.name] = segment
            if following is None:
                raise UnknownPathError(path)
            node = following
        return node, texts


def _uuid(text: str) -> UUID | None:
    try:
        value = UUID(text)
    except ValueError:
        return None
    # UUID() also reads braces, URNs and missing hyphens; one spelling is enough for a path.
    return value if str(value) == text.lower() else None


def _allowed(methods: Iterable[str]) -> tuple[str, ...]:
    found = set(methods)
    return tuple(sorted(found | {"HEAD"} if "GET" in found else found))
