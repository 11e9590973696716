"""Shapes of users, sessions, tokens and the audit log."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from gateway.core.accounts import PASSWORD_MAX, PASSWORD_MIN, normal_email
from gateway.http.models.common import (
    Input,
    Json,
    Name,
    Output,
    Page,
    PageQuery,
    Storable,
    Text,
    Time,
)
from shared.contracts.caller import Role


def _email(text: str) -> str:
    email = normal_email(text)
    if email is None:
        raise ValueError("must be an e-mail address")
    return email


Email = Annotated[str, StringConstraints(max_length=320), Storable, AfterValidator(_email)]
Password = Annotated[str, StringConstraints(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX), Storable]
"""A new one; nothing is asked of its characters."""

GivenPassword = Annotated[str, StringConstraints(max_length=PASSWORD_MAX), Storable]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), Storable]


class Credentials(Input):
    """What somebody signs in with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "password": "correct horse"}]}
    )

    email: Annotated[str, StringConstraints(max_length=320), Storable]
    password: GivenPassword
    tenant: Slug | None = Field(None, description="Needed where several tenants know the address.")


class TenantOfUser(Output):
    """Whose data the user sees."""

    id: UUID
    slug: str
    name: str


class Me(Output):
    """Who has signed in."""

    id: UUID
    email: str
    role: Role
    is_operator: bool
    tenant: TenantOfUser


class SignedIn(Output):
    """Who has just signed in; the session is in the cookie."""

    user: Me


class PasswordChange(Input):
    """One's own new password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "correct horse", "new_password": "battery staple"}]}
    )

    password: GivenPassword = Field(description="The one until now.")
    new_password: Password


class UserInput(Input):
    """A user to be added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.org", "password": "correct horse", "role": "user"}]
        }
    )

    email: Email
    password: Password
    role: Annotated[Role, Field(strict=False)] = Role.USER
    tenant: Slug | None = Field(None, description="Another tenant; operators only.")


def _something(schema: Json) -> None:
    for name, field in schema["properties"].items():
        kept = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
        schema["properties"][name] = kept | field["anyOf"][0]
    schema |= {"minProperties": 1, "examples": [{"role": "admin"}]}


class UserPatch(Input):
    """What changes of a user; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=_something)

    role: Annotated[Role, Field(strict=False)] | None = None
    password: Password | None = Field(None, description="A new one: it ends the user's sessions.")

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        if isinstance(value, dict) and (not value or None in value.values()):
            raise ValueError("give role, password, or both")
        return value


class User(Output):
    """A user."""

    id: UUID
    email: str
    role: Role
    is_operator: bool
    created_at: Time
    updated_at: Time


class UserList(Page[User]):
    """Users, newest first."""


class TokenInput(Input):
    """A token to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "nightly import", "expires_at": "2031-01-01T00:00:00Z"}]}
    )

    name: Name
    role: Annotated[Role, Field(strict=False)] | None = Field(
        None, description="Your own where left out; never more than that."
    )
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        None, description="Never, where left out."
    )


class Token(Output):
    """A token without its secret."""

    id: UUID
    name: str
    role: Role
    owner: str
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None = Field(description="To the minute.")


class TokenMade(Token):
    """The same with the secret, which is shown this once."""

    token: str


class TokenList(Page[Token]):
    """Tokens, newest first: your own, or as an admin those of the tenant."""


class AuditQuery(PageQuery):
    """Which entries of the audit log."""

    action: Text | None = Field(None, min_length=1, max_length=100, examples=["source.add"])
    actor: Text | None = Field(None, min_length=1, max_length=320, examples=["ada@example.org"])


class AuditEntry(Output):
    """Who did what to what."""

    id: int
    ts: Time
    actor: str
    action: str
    target: str
    outcome: str
    detail: Json


class AuditList(Page[AuditEntry]):
    """Entries of the audit log, newest first."""
