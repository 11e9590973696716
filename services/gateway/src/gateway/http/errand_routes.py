"""Paths about what the janitor does on request, beside those of all jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models import errands
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.jobs import JobHandlers


def errand_routes(on: JobHandlers) -> tuple[AnyRoute, ...]:
    """Such jobs are started at /v1/jobs, and these here as well."""
    return (
        Route(
            "POST",
            "/sources/reembed",
            on.reembed,
            "Embed and index what sources serve anew",
            body=errands.ReembedSources,
            status=202,
            answer=errands.ReembedStarted,
            problems=("not_found",),
        ),
    )
