"""Whether a message came from a webhook: for those who receive them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from quern.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLERANCE_SECONDS = 300.0


class SignatureError(ClientError):
    """The message is not signed by this secret, or is too old: do not use it."""


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> str:
    """Check the signature of a message as Standard Webhooks 1.0 has it.

    Args:
        secret: of the webhook, ``whsec_…``.
        headers: of the request, by names in any case.
        body: of the request, as it came, before anything is parsed.
        tolerance_seconds: how old it may be, or how far ahead of this clock.
        now: seconds since 1970, if not by this clock.

    Returns:
        its id: the same each time when a message is sent again, so remember it and take each once.

    Raises:
        SignatureError: do not use the message.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp = lower["webhook-id"], lower["webhook-timestamp"]
        given = lower["webhook-signature"].split(" ")
        age = (time.time() if now is None else now) - int(stamp)
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except KeyError as error:
        raise SignatureError(f"The message has no header {error.args[0]}.") from None
    except (binascii.Error, ValueError):
        raise SignatureError("The message's time is no number, or the secret is no base64.") from None
    if abs(age) > tolerance_seconds:
        raise SignatureError("The message is too old, or the clocks differ.")
    digest = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(one.encode(), expected) for one in given):
        raise SignatureError("The message is not signed by this secret.")
    return message_id
