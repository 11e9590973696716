"""Shapes of tenants."""

from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from gateway.http.models.accounts import Slug
from gateway.http.models.common import Input, Name, Output, Page, Time


class TenantInput(Input):
    """A tenant to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"slug": "acme", "name": "Acme"}]})

    slug: Slug = Field(
        description="Small letters, digits and dashes; never used again, not even after a deletion."
    )
    name: Name


class LimitsPatch(Input):
    """Limits by name."""

    sources: PositiveInt | None = Field(None, description="Live sources.")
    pages_per_crawl: PositiveInt | None = Field(None, description="Pages of one crawl.")
    stored_bytes: PositiveInt | None = Field(None, description="Bytes of all originals that are kept.")
    requests_per_second: PositiveInt | None = Field(None, description="Requests to the API.")
    requests_burst: PositiveInt | None = Field(None, description="Requests that may come at once.")
    jobs_in_flight: PositiveInt | None = Field(None, description="Jobs at work at once; others wait.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one limit")
        return self


class TenantPatch(Input):
    """Limits to be set; null takes one back to what the settings say."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limits": {"sources": 500}}]})

    limits: LimitsPatch


class Tenant(Output):
    """A tenant with what it has; ``limits`` are those that an operator has set."""

    id: UUID
    slug: str
    name: str
    limits: dict[str, int]
    created_at: Time
    sources: int
    documents: int
    in_flight: int
    stored_bytes: int


class TenantList(Page[Tenant]):
    """Tenants, newest first."""
