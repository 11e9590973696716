"""The schemas of all models that routes take and answer with, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.http.models.common import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from gateway.http.route import AnyRoute

_REF: Final = "#/components/schemas/{model}"


class Schemas:
    """Schemas of models, by model and direction.

    Attributes:
        components: what the description lists of them.
    """

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        self._refs, definitions = models_json_schema(_models(routes), ref_template=_REF)
        self.components: dict[str, Any] = definitions.get("$defs", {})
        for schema in self.components.values():
            _drop_impossible_defaults(schema)

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        """A reference to a model's schema."""
        return dict(self._refs[model, mode])

    def whole(self, model: type[BaseModel]) -> dict[str, Any]:
        """The schema of an input."""
        return dict(self.components[self._name(model)])

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for; anything else as it is."""
        ref = schema.get("$ref")
        return schema if ref is None else dict(self.components[str(ref).rpartition("/")[2]])

    def drop(self, model: type[BaseModel]) -> None:
        """Leave a model out that is spelled out elsewhere."""
        del self.components[self._name(model)]

    def _name(self, model: type[BaseModel]) -> str:
        return str(self._refs[model, "validation"]["$ref"]).rpartition("/")[2]


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
