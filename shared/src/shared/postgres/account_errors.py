"""Why a change of users or tokens is refused."""

from __future__ import annotations

from shared.errors import QuernError
from shared.postgres.intake_errors import ConflictError


class OperatorOnlyError(QuernError):
    """An operator's account is the business of operators alone."""

    def __init__(self) -> None:
        super().__init__("This is an operator of the installation: only operators may change that account.")


class UserExistsError(ConflictError):
    """The tenant has a user with this address."""

    code = "user_exists"

    def __init__(self, email: str) -> None:
        super().__init__(f"There is a user with the address {email} already.")


class LastAdminError(ConflictError):
    """Nobody would be left who may look after the tenant, or after the installation."""

    code = "last_admin"


class TooManyTokensError(ConflictError):
    """The user has as many tokens as anybody may have."""

    code = "too_many_tokens"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} tokens already: revoke those that nothing uses any more.")
