"""The OpenAPI description as the gateway makes it, without a gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import MagicMock

from gateway.http import openapi
from gateway.http.routes import Handlers, api_routes, health_routes

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = Handlers(**{name: cast("Any", MagicMock()) for name in Handlers.__dataclass_fields__})
ROUTES = api_routes(HANDLERS)
HEALTH = health_routes(HANDLERS.system)
API: dict[str, Any] = json.loads(json.dumps(openapi.document(ROUTES, HEALTH, version="1.2.3")))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its name."""
    for methods in API["paths"].values():
        for operation in methods.values():
            yield operation["operationId"], operation
