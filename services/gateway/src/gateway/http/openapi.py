"""OpenAPI 3.1 from the table of routes and the models: nothing here is written twice."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from gateway.http.naming import TAGS
from gateway.http.operation import operation, problem_example
from gateway.http.problems import CODES
from gateway.http.schemas import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.http.route import AnyRoute

_DESCRIPTION: Final = """Quern keeps a team's knowledge searchable. Lists answer `{items, total, limit, offset}`,
newest first where not said.
Errors are problem details (RFC 9457) with a stable `code`. Every `/v1/x` is also served as `/api/x`.
`X-Request-ID` is taken or made, echoed, and found again in the logs of every service."""

_SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "quern_session",
        "description": "Set by signing in; HttpOnly and SameSite=Strict.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, with the role of its owner or less.",
    },
}
_HEADERS: Final[dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's own id where it was a plain word, else a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:@/+=-]{1,128}$"},
        "example": "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0e",
    },
}


def document(routes: Iterable[AnyRoute], pages: Iterable[AnyRoute], *, version: str) -> dict[str, Any]:
    """The whole description, ready to be sent."""
    table = [("/v1" + route.path, route) for route in routes] + [(route.path, route) for route in pages]
    schemas = Schemas([route for _, route in table])
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, route in table:
        paths[path][route.method.lower()] = operation(path, route, schemas)
    for query in {route.query for _, route in table}:
        schemas.drop(query)
    used = {tag for methods in paths.values() for described in methods.values() for tag in described["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quern",
            "version": version,
            "summary": "Ingest web sites and files, and search what they say.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in used],
        "security": [{name: []} for name in _SECURITY_SCHEMES],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.components,
            "examples": {code: problem_example(code) for code in CODES},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
