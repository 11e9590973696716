"""OpenAPI 3.1 from the table of routes and the models: nothing here is written twice."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.http.models.common import NoQuery, Problem
from gateway.http.problems import CODES, MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

    from gateway.http.route import AnyRoute

_REF: Final = "#/components/schemas/{model}"
_DESCRIPTION: Final = """Quern keeps a team's knowledge searchable. Lists answer `{items, total, limit, offset}`.
Errors are problem details (RFC 9457) with a stable `code`. Every `/v1/x` is also served as `/api/x`.
`X-Request-ID` is taken or made, echoed, and found again in the logs of every service."""
#: What can happen to any request below /v1.
_COMMON: Final = ("validation_error", "internal_error", "dependency_unavailable")


class _Schemas:
    """Schemas of models, by model and direction; those of components are collected once."""

    def __init__(self, models: Sequence[tuple[type[BaseModel], JsonSchemaMode]]) -> None:
        self._refs, definitions = models_json_schema(models, ref_template=_REF)
        self.components: dict[str, Any] = definitions.get("$defs", {})
        for schema in self.components.values():
            _drop_impossible_defaults(schema)

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        """A reference to a model's schema."""
        return dict(self._refs[model, mode])

    def whole(self, model: type[BaseModel]) -> dict[str, Any]:
        """The schema of an input."""
        name = str(self._refs[model, "validation"]["$ref"]).rpartition("/")[2]
        return dict(self.components[name])

    def drop(self, model: type[BaseModel]) -> None:
        """Leave a model out that is spelled out elsewhere."""
        name = str(self._refs[model, "validation"]["$ref"]).rpartition("/")[2]
        del self.components[name]


def document(routes: Iterable[AnyRoute], pages: Iterable[AnyRoute], *, version: str) -> dict[str, Any]:
    """The whole description, ready to be sent."""
    table = [("/v1" + route.path, route) for route in routes] + [(route.path, route) for route in pages]
    schemas = _Schemas(_models([route for _, route in table]))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, route in table:
        paths[path][route.method.lower()] = _operation(path, route, schemas)
    for query in {route.query for _, route in table}:
        schemas.drop(query)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quern",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {"schemas": schemas.components},
    }


def _drop_impossible_defaults(schema: dict[str, Any]) -> None:
    """A field that may be left out but not be null has no default that could be shown."""
    for field in schema.get("properties", {}).values():
        if "anyOf" not in field and field.get("default", 0) is None:
            del field["default"]


def _models(routes: Sequence[AnyRoute]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for route in routes:
        found[route.query, "validation"] = None
        if route.takes_json:
            found[route.body, "validation"] = None
        if route.answer is not None:
            found[route.answer, "serialization"] = None
    return list(found)


def _operation(path: str, route: AnyRoute, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{path.replace('/', '_').replace('{', '').replace('}', '')}",
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(path), *_query_parameters(route, schemas)],
        "responses": {
            str(route.status): _success(route, schemas),
            **_failures(path, route, schemas),
        },
    }
    body = _body(route, schemas)
    if body is not None:
        operation["requestBody"] = body
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": segment.strip("{}"),
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        for segment in path.split("/")
        if segment.startswith("{")
    ]


def _query_parameters(route: AnyRoute, schemas: _Schemas) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    whole = schemas.whole(route.query)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in whole.get("required", ()),
            **({"description": schema["description"]} if "description" in schema else {}),
            "schema": _without_null(schema),
        }
        for name, schema in whole.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; it is never null."""
    kept = {key: value for key, value in schema.items() if key not in ("description", "title")}
    if kept.get("default", 0) is None:
        del kept["default"]
    choices = [choice for choice in kept.pop("anyOf", ()) if choice != {"type": "null"}]
    return kept | choices[0] if len(choices) == 1 else kept | ({"anyOf": choices} if choices else {})


def _body(route: AnyRoute, schemas: _Schemas) -> dict[str, Any] | None:
    if route.multipart is not None:
        return {"required": True, "content": {"multipart/form-data": {"schema": dict(route.multipart)}}}
    if not route.takes_json:
        return None
    schema = schemas.ref(route.body, "validation")
    return {"required": not route.optional_body, "content": {"application/json": {"schema": schema}}}


def _success(route: AnyRoute, schemas: _Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if route.answer is not None:
        answer["content"] = {route.media_type: {"schema": schemas.ref(route.answer, "serialization")}}
    elif route.media_type != "application/json":
        answer["content"] = {route.media_type: {"schema": {"type": "string"}}}
    return answer


def _failures(path: str, route: AnyRoute, schemas: _Schemas) -> dict[str, Any]:
    if path == "/readyz" and route.answer is not None:
        schema = schemas.ref(route.answer, "serialization")
        return {
            "503": {
                "description": "A dependency is down",
                "content": {"application/json": {"schema": schema}},
            }
        }
    if not path.startswith("/v1/"):
        return {}
    json = ("malformed_json", "too_large") if route.takes_json else ()
    missing = ("not_found",) if "{" in path or "group_id" in route.body.model_fields else ()
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys((*missing, *route.problems, *json, *_COMMON)):
        by_status[CODES[code][0]].append(code)
    content = {MEDIA_TYPE: {"schema": schemas.ref(Problem, "serialization")}}
    return {
        str(status): {"description": ", ".join(f"`{code}`" for code in codes), "content": content}
        for status, codes in sorted(by_status.items())
    }
