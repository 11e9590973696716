"""Paths of sessions, users, tokens and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.access import Access
from gateway.http.models import accounts
from gateway.http.models.common import PageQuery
from gateway.http.route import AnyRoute, Route

if TYPE_CHECKING:
    from gateway.http.handlers.accounts import AuditHandlers, AuthHandlers, TokenHandlers, UserHandlers


def auth_routes(on: AuthHandlers) -> tuple[AnyRoute, ...]:
    """Below /v1/auth."""
    return (
        Route(
            "POST",
            "/auth/login",
            on.login,
            "Sign in: the session comes as a cookie",
            body=accounts.Credentials,
            answer=accounts.SignedIn,
            problems=("invalid_credentials", "too_many_attempts", "busy"),
            access=Access.PUBLIC,
        ),
        Route("POST", "/auth/logout", on.logout, "Sign out", status=204),
        Route("GET", "/auth/me", on.me, "Who has signed in", answer=accounts.Me),
        Route(
            "POST",
            "/auth/password",
            on.change_password,
            "Change your password: it ends your other sessions",
            body=accounts.PasswordChange,
            status=204,
            problems=("invalid_credentials", "too_many_attempts", "busy"),
        ),
    )


def user_routes(on: UserHandlers) -> tuple[AnyRoute, ...]:
    """Below /v1/users."""
    return (
        Route(
            "GET",
            "/users",
            on.find,
            "List users",
            query=PageQuery,
            answer=accounts.UserList,
            access=Access.ADMIN,
        ),
        Route(
            "POST",
            "/users",
            on.add,
            "Add a user",
            body=accounts.UserInput,
            status=201,
            answer=accounts.User,
            problems=("user_exists", "not_found", "busy"),
            access=Access.ADMIN,
        ),
        Route("GET", "/users/{user_id}", on.get, "Show a user", answer=accounts.User, access=Access.ADMIN),
        Route(
            "PATCH",
            "/users/{user_id}",
            on.change,
            "Change a user's role or password",
            body=accounts.UserPatch,
            answer=accounts.User,
            problems=("last_admin", "busy"),
            access=Access.ADMIN,
        ),
        Route(
            "DELETE",
            "/users/{user_id}",
            on.remove,
            "Remove a user with its sessions and tokens",
            status=204,
            problems=("last_admin",),
            access=Access.ADMIN,
        ),
    )


def token_routes(on: TokenHandlers) -> tuple[AnyRoute, ...]:
    """Below /v1/tokens."""
    return (
        Route(
            "GET",
            "/tokens",
            on.find,
            "List API tokens: your own, or as an admin the tenant's",
            query=PageQuery,
            answer=accounts.TokenList,
        ),
        Route(
            "POST",
            "/tokens",
            on.add,
            "Make an API token: its secret is shown this once",
            body=accounts.TokenInput,
            status=201,
            answer=accounts.TokenMade,
            problems=("too_many_tokens", "forbidden"),
        ),
        Route("DELETE", "/tokens/{token_id}", on.remove, "Revoke an API token", status=204),
    )


def audit_routes(on: AuditHandlers) -> tuple[AnyRoute, ...]:
    """/v1/audit."""
    return (
        Route(
            "GET",
            "/audit",
            on.find,
            "Who did what to what",
            query=accounts.AuditQuery,
            answer=accounts.AuditList,
            access=Access.ADMIN,
        ),
    )
