"""One operation of the OpenAPI description: what a route takes, answers and refuses, with an example of each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from gateway.core.access import Access
from gateway.http.curl import curl
from gateway.http.examples import TEXTS, example_of, story
from gateway.http.models.common import NoQuery, Problem
from gateway.http.naming import operation_id, tag_of
from gateway.http.problems import CODES, MEDIA_TYPE

if TYPE_CHECKING:
    from gateway.http.route import AnyRoute
    from gateway.http.schemas import Schemas

#: What can happen to any request below /v1.
_COMMON: Final = ("validation_error", "rate_limited", "internal_error", "dependency_unavailable", "busy")
_OF_BODIES: Final = ("too_large", "unsupported_type")
_SAFE: Final = frozenset({"GET", "HEAD"})
_UNPROTECTED: Final = frozenset({Access.PUBLIC, Access.OPTIONAL})
_WHO: Final = {
    Access.ADMIN: "For admins of the tenant.",
    Access.OPERATOR: "For operators of the installation.",
}
_EVENTS: Final = "text/event-stream"
_HEADERS: Final[dict[str, Any]] = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
_LAST_EVENT: Final[dict[str, Any]] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event that was seen: what followed it is sent.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "example": "4711",
}


def operation(path: str, route: AnyRoute, schemas: Schemas) -> dict[str, Any]:
    """One method of one path, described."""
    made: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag_of(route)],
        "parameters": [*_path_parameters(path), *_query_parameters(route, schemas), *_headers(route)],
        "responses": {
            str(route.status): _success(route, schemas),
            **_failures(path, route, schemas),
        },
    }
    if route.access in _WHO:
        made["description"] = _WHO[route.access]
    if route.access in _UNPROTECTED or not path.startswith("/v1/"):
        made["security"] = []
    body = _body(route, schemas)
    if body is not None:
        made["requestBody"] = body
    made["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": curl(path, route.method, made)}]
    return made


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [segment.strip("{}") for segment in path.split("/") if segment.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "example": story.IDS.get(name, story.OTHER),
        }
        for name in names
    ]


def _query_parameters(route: AnyRoute, schemas: Schemas) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    whole = schemas.whole(route.query)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in whole.get("required", ()),
            **({"description": schema["description"]} if "description" in schema else {}),
            "schema": (plain := _without_null(schema)),
            **_parameter_example(name, plain, schemas),
        }
        for name, schema in whole.get("properties", {}).items()
    ]


def _parameter_example(name: str, schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    """What its field gives, its default, the first of its words, or an id of the story."""
    full = schemas.resolved(schema)
    if schema.get("format") == "uuid":
        return {"example": story.IDS.get(name, story.OTHER)}
    for found in (*schema.get("examples", ()), schema.get("default"), *full.get("enum", ())):
        if found is not None:
            return {"example": found}
    return {}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; it is never null."""
    kept = {key: value for key, value in schema.items() if key not in ("description", "title")}
    if kept.get("default", 0) is None:
        del kept["default"]
    choices = [choice for choice in kept.pop("anyOf", ()) if choice != {"type": "null"}]
    return kept | choices[0] if len(choices) == 1 else kept | ({"anyOf": choices} if choices else {})


def _headers(route: AnyRoute) -> list[dict[str, Any]]:
    return [dict(_LAST_EVENT)] if route.media_type == _EVENTS else []


def _body(route: AnyRoute, schemas: Schemas) -> dict[str, Any] | None:
    if route.multipart is not None:
        schema = dict(route.multipart)
        shown = {"example": schema["examples"][0]} if schema.get("examples") else {}
        return {"required": True, "content": {"multipart/form-data": {"schema": schema, **shown}}}
    if not route.takes_json:
        return None
    content = {"schema": schemas.ref(route.body, "validation"), **_shown(example_of(route.body))}
    return {"required": not route.optional_body, "content": {"application/json": content}}


def _success(route: AnyRoute, schemas: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary, "headers": _HEADERS}
    if route.answer is not None:
        schema = schemas.ref(route.answer, "serialization")
        answer["content"] = {route.media_type: {"schema": schema, **_shown(example_of(route.answer))}}
    elif route.media_type != "application/json":
        text = TEXTS.get(route.media_type)
        answer["content"] = {route.media_type: {"schema": {"type": "string"}, **_shown(text)}}
    return answer


def _shown(example: Any) -> dict[str, Any]:
    return {} if example is None else {"example": example}


def _failures(path: str, route: AnyRoute, schemas: Schemas) -> dict[str, Any]:
    if path == "/readyz" and route.answer is not None:
        content = {
            "schema": schemas.ref(route.answer, "serialization"),
            **_shown(example_of(route.answer)),
        }
        return {
            "503": {
                "description": "A dependency is down",
                "headers": _HEADERS,
                "content": {"application/json": content},
            }
        }
    if not path.startswith("/v1/"):
        return {}
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys((*route.problems, *_codes(path, route), *_COMMON)):
        by_status[CODES[code][0]].append(code)
    schema = schemas.ref(Problem, "serialization")
    return {str(status): _problems(codes, schema) for status, codes in sorted(by_status.items())}


def _codes(path: str, route: AnyRoute) -> list[str]:
    """What can happen to this route for what it is: who may, what it takes."""
    found = []
    fields = [*route.body.model_fields, *(route.multipart or {}).get("properties", ())]
    if "{" in path or any(name.endswith("_id") for name in fields):
        found.append("not_found")
    if route.access not in _UNPROTECTED:
        found.append("unauthenticated")
    if route.access in _WHO:
        found.append("forbidden")
    if route.method not in _SAFE:
        found.append("cross_site")
    if route.takes_json:
        found += ["malformed_json", *_OF_BODIES]
    return found


def _problems(codes: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": _HEADERS,
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


_MEMBERS: Final[dict[str, dict[str, Any]]] = {
    "validation_error": {"errors": [{"loc": ["query", "limit"], "msg": "must be a whole number"}]},
    "source_exists": {"source_id": story.SOURCE},
    "ingest_in_progress": {"run_id": story.RUN},
    "too_large": {"limit_bytes": 1_048_576},
    "quota_exceeded": {"limit": "sources", "allowed": 10_000},
}


def problem_example(code: str) -> dict[str, Any]:
    """The component that shows how a refusal looks."""
    status, title = CODES[code]
    value = {
        "type": f"urn:quern:problem:{code}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "code": code,
        "request_id": story.REQUEST,
        **_MEMBERS.get(code, {}),
    }
    return {"summary": title, "value": value}
