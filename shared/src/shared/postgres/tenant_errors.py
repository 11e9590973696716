"""Why a change of a tenant is refused."""

from __future__ import annotations

from shared.postgres.intake_errors import ConflictError


class TenantExistsError(ConflictError):
    """The slug names a tenant, or named one that was deleted: slugs are never used again."""

    code = "tenant_exists"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The slug {slug!r} is or was a tenant's, and is never used again: choose another one."
        )


class OwnTenantError(ConflictError):
    """Operators cannot delete the tenant that they belong to."""

    code = "own_tenant"

    def __init__(self) -> None:
        super().__init__("This is your own tenant: with it, nobody would be left to look after the others.")
