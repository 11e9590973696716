"""Shapes of limits."""

from pydantic import Field

from gateway.http.models.common import Output


class AllowedLimits(Output):
    """What a tenant may use."""

    sources: int = Field(description="Live sources.")
    pages_per_crawl: int = Field(description="Pages of one crawl.")
    stored_bytes: int = Field(description="Bytes of all originals of uploads that are kept.")
    requests_per_second: int = Field(description="Requests over any longer time, to each gateway.")
    requests_burst: int = Field(description="Requests at once after a rest, to each gateway.")
    jobs_in_flight: int = Field(description="Jobs that are announced or at work at once; further ones wait.")


class UsedLimits(Output):
    """What a tenant uses now."""

    sources: int
    stored_bytes: int
    jobs_in_flight: int


class Limits(Output):
    """What one's own tenant may use, and what it does use."""

    allowed: AllowedLimits
    used: UsedLimits
