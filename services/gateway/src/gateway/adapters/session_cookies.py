"""What a browser keeps of a session: a JSON Web Token (RFC 7519), signed with HMAC-SHA-256."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import jwt

from gateway.core.accounts import SessionClaim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "quern-session"


class SessionCookies:
    """Signs and reads cookies.

    Args:
        keys: the first one signs, all of them are accepted: a new key goes in front, and the old one is taken out
            when the sessions that it signed are over.
    """

    def __init__(self, *, keys: Sequence[str]) -> None:
        self._keys = {_name(key): key for key in keys}
        self._first = _name(keys[0])

    def sign(self, claim: SessionClaim, until: datetime) -> str:
        """The value of the cookie."""
        body = {"aud": _AUDIENCE, "sid": str(claim.session_id), "tid": str(claim.tenant_id), "exp": until}
        return jwt.encode(body, self._keys[self._first], algorithm=_ALGORITHM, headers={"kid": self._first})

    def read(self, value: str) -> SessionClaim | None:
        """What it says; None where it is forged, foreign, expired or no token at all."""
        try:
            key = self._keys[jwt.get_unverified_header(value)["kid"]]
            body: dict[str, Any] = jwt.decode(
                value,
                key,
                # The token's own word for its algorithm counts for nothing.
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["aud", "exp", "sid", "tid"]},
            )
            return SessionClaim(UUID(body["sid"]), UUID(body["tid"]))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            return None


def _name(key: str) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(b"quern session key:" + key.encode()).hexdigest()[:16]
