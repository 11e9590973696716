"""JSON Schemas as plain as assistants need them: no references, no titles, no null for what may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import BaseModel

_PREFIX: Final = "#/$defs/"
_NULL: Final = {"type": "null"}


def of_arguments(model: type[BaseModel]) -> dict[str, Any]:
    """Of what a tool takes."""
    schema = _plain(model.model_json_schema(mode="validation"))
    properties = {name: _given(field) for name, field in schema.get("properties", {}).items()}
    return schema | {"properties": properties}


def of_result(model: type[BaseModel]) -> dict[str, Any]:
    """Of what a tool answers."""
    return _plain(model.model_json_schema(mode="serialization"))


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})

    def walk(node: Any, *, names: bool = False) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node and not names:
            found = definitions[node["$ref"].removeprefix(_PREFIX)]
            return walk({**found, **{key: value for key, value in node.items() if key != "$ref"}})
        # What is called title below properties is a field of that name.
        kept = {key: value for key, value in node.items() if names or key != "title"}
        return {key: walk(value, names=key == "properties" and not names) for key, value in kept.items()}

    plain: dict[str, Any] = walk(schema)
    return plain


def _given(field: dict[str, Any]) -> dict[str, Any]:
    """Of a field where it is given: some assistants understand no choice between a type and null."""
    if _NULL not in field.get("anyOf", ()):
        return field
    choices = [choice for choice in field["anyOf"] if choice != _NULL]
    rest = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
    return {**choices[0], **rest} if len(choices) == 1 else {**rest, "anyOf": choices}
