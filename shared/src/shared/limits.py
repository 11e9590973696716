"""What one tenant may use, so that it takes nothing from the others. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLimits:
    """The limits of one tenant.

    Attributes:
        sources: live sources.
        pages_per_crawl: pages of one crawl.
        stored_bytes: bytes of all originals of uploads that are kept.
        requests_per_second: requests to the API, over any longer time.
        requests_burst: requests that may come at once.
        jobs_in_flight: jobs that are announced or running at once; further ones wait.
    """

    sources: int
    pages_per_crawl: int
    stored_bytes: int
    requests_per_second: int
    requests_burst: int
    jobs_in_flight: int

    def overridden(self, overrides: Mapping[str, int]) -> TenantLimits:
        """These limits, with what an operator set for a tenant; names that are no limit are left out."""
        return replace(self, **{name: overrides[name] for name in LIMIT_NAMES if name in overrides})

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


LIMIT_NAMES: Final = tuple(TenantLimits.__dataclass_fields__)
"""The names by which overrides are kept."""

UNLIMITED: Final = TenantLimits(**dict.fromkeys(LIMIT_NAMES, 2**62))
"""For whoever has nothing to say about limits."""
