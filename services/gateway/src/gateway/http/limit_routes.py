"""Paths of limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.limits import Limits
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.limits import LimitHandlers


def limit_routes(on: LimitHandlers) -> tuple[AnyRoute, ...]:
    """Everything below ``/limits``."""
    return (Route("GET", "/limits", on.get, "What the tenant may use, and does use", answer=Limits),)
