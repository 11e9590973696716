"""Examples of users, tokens, tenants and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.http.examples import story
from gateway.http.models import accounts, tenants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_ME: Final[dict[str, Any]] = {
    "id": story.USER,
    "email": "ada@example.org",
    "role": "admin",
    "is_operator": False,
    "tenant": {"id": story.TENANT, "slug": "default", "name": "Default"},
}
_TOKEN: Final[dict[str, Any]] = {
    "id": story.API_KEY,
    "name": "nightly import",
    "role": "user",
    "owner": "ada@example.org",
    "created_at": story.BEGAN,
    "expires_at": "2031-01-01T00:00:00Z",
    "last_used_at": None,
}

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    accounts.Me: _ME,
    accounts.SignedIn: {"user": _ME},
    accounts.UserPatch: {"role": "admin"},
    accounts.User: {
        "id": story.USER,
        "email": "ada@example.org",
        "role": "admin",
        "is_operator": False,
        "created_at": story.BEGAN,
        "updated_at": story.BEGAN,
    },
    accounts.Token: _TOKEN,
    accounts.TokenMade: {**_TOKEN, "token": "the secret, shown this once"},
    accounts.AuditEntry: {
        "id": 512,
        "ts": story.BEGAN,
        "actor": "ada@example.org",
        "action": "source.add",
        "target": story.SOURCE,
        "outcome": "done",
        "detail": {},
    },
    tenants.Tenant: {
        "id": story.TENANT,
        "slug": "default",
        "name": "Default",
        "limits": {"sources": 500},
        "created_at": story.BEGAN,
        "sources": 3,
        "documents": 412,
        "in_flight": 0,
        "stored_bytes": 10_485_760,
    },
}
