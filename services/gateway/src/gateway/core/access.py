"""Who may do what: one word for each route, one rule for each word."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.core.errors import ForbiddenError
from shared.contracts.caller import Role

if TYPE_CHECKING:
    from shared.contracts.caller import Caller


class Access(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    """Everybody; whoever calls is not even asked for a name."""

    OPTIONAL = "optional"
    """Everybody; those who have signed in see more."""

    USER = "user"
    """Whoever has signed in."""

    ADMIN = "admin"
    """Admins of the tenant."""

    OPERATOR = "operator"
    """Those who look after the installation, with all its tenants."""


def require(access: Access, caller: Caller) -> None:
    """Refuse who may not.

    Raises:
        ForbiddenError: the caller's role is not enough.
    """
    if access is Access.OPERATOR and not caller.is_operator:
        raise ForbiddenError("Only operators of the installation may do this.")
    if access is Access.ADMIN and caller.role is not Role.ADMIN:
        raise ForbiddenError("Only admins of the tenant may do this: ask one of them.")
