"""Rules about accounts: what an address and a password are, and what an API token looks like."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 256
"""Characters. At least eight and no rules about their kinds: NIST SP 800-63B."""

TOKEN_PREFIX: Final = "quern_"  # noqa: S105  (what a token begins with, so that scanners find one that leaked)
_TOKEN: Final = re.compile(r"quern_[A-Za-z0-9_-]{43}")
_EMAIL: Final = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,253}")


@dataclass(frozen=True, slots=True)
class SessionClaim:
    """What a browser's cookie says; whether the session still exists is for the database to say."""

    session_id: UUID
    tenant_id: UUID


def normal_email(text: str) -> str | None:
    """An address as it is compared: in lower case, without spaces around it; None where it is none.

    What a mail server makes of it is not ours to know: it is a name to sign in with.
    """
    plain = text.strip().lower()
    return plain if _EMAIL.fullmatch(plain) and len(plain) <= 254 else None  # noqa: PLR2004  (RFC 5321)


def token_of(random: str) -> str:
    """A token from 256 random bits in base64url."""
    return TOKEN_PREFIX + random


def token_hash(token: str) -> bytes | None:
    """What is kept of a token; None where the text cannot be one."""
    return hashlib.sha256(token.encode()).digest() if _TOKEN.fullmatch(token) else None


def account_key(email: str, tenant_slug: str | None) -> bytes:
    """Names the account that somebody tries to sign in to, whether it exists or not."""
    return hashlib.sha256(f"account\0{tenant_slug or ''}\0{email}".encode()).digest()


def remote_key(address: str) -> bytes:
    """Names where somebody tries to sign in from."""
    return hashlib.sha256(f"remote\0{address}".encode()).digest()
