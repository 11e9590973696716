"""Signatures of webhooks as the Standard Webhooks specification 1.0 has them (symmetric, version ``v1``). Pure.

What is signed is ``id.timestamp.body``, by HMAC-SHA256 (RFC 2104); the key is what the secret spells in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (what every secret begins with)
#: Of the key, in bytes, as the specification has it.
LEAST_KEY_BYTES: Final = 24
MOST_KEY_BYTES: Final = 64


class InvalidSecretError(ValueError):
    """The text is no secret of a webhook; the message says what one looks like, and nothing of this one."""

    def __init__(self) -> None:
        super().__init__(
            f"must be {SECRET_PREFIX} followed by the base64 of {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} random bytes"
        )


def spell_secret(key: bytes) -> str:
    """The secret that a key is given out as."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def read_secret(secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        InvalidSecretError: it is none.
    """
    if not secret.startswith(SECRET_PREFIX):
        raise InvalidSecretError
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecretError from None
    if not LEAST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES:
        raise InvalidSecretError
    return key


def signed_headers(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message.

    Args:
        secrets: one signature is made by each: while a secret is being replaced there are two.
        message_id: the same in every try; without a full stop.
        timestamp: of this try, seconds since 1970.
        body: as it is sent.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(read_secret(secret), content, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
