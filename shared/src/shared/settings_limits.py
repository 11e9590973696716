"""What every tenant may use, unless an operator allows one of them something else."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveInt, model_validator

from shared.limits import TenantLimits
from shared.settings_base import Settings


class LimitSettings(Settings):
    """Limits of one tenant; jobs in flight are ``QUERN_WINDOW_PER_TENANT``, which all services must know."""

    tenant_sources_max: PositiveInt = Field(10_000, description="live sources of one tenant")
    tenant_pages_per_crawl_max: PositiveInt = Field(
        100_000, description="pages of one crawl that a tenant may ask for"
    )
    tenant_stored_max_bytes: PositiveInt = Field(
        107_374_182_400, description="originals of uploads that are kept for one tenant, in bytes in all"
    )
    tenant_requests_per_second: PositiveInt = Field(
        300, description="requests of one tenant to each gateway, over any longer time"
    )
    tenant_requests_burst: PositiveInt = Field(
        1000, description="requests of one tenant that each gateway answers at once after a rest"
    )

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        self.require(
            "tenant_requests_per_second",
            lambda rate, burst: rate <= burst,
            "tenant_requests_burst",
            "requests of one second may come at once",
        )
        return self

    def tenant_limits(self, *, jobs_in_flight: int) -> TenantLimits:
        """All of them in one."""
        return TenantLimits(
            sources=self.tenant_sources_max,
            pages_per_crawl=self.tenant_pages_per_crawl_max,
            stored_bytes=self.tenant_stored_max_bytes,
            requests_per_second=self.tenant_requests_per_second,
            requests_burst=self.tenant_requests_burst,
            jobs_in_flight=jobs_in_flight,
        )
