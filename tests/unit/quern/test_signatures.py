from __future__ import annotations

import pytest

from quern import SignatureError, verify_webhook
from shared.signatures import signed_headers, spell_secret

SECRET, OTHER = spell_secret(b"k" * 32), spell_secret(b"o" * 32)
NOW = 1_700_000_000
BODY = b'{"type":"run.failed"}'


def headers(*secrets: str, at: int = NOW) -> dict[str, str]:
    return signed_headers(secrets or [SECRET], message_id="m-1", timestamp=at, body=BODY)


def test_what_quern_signs_is_verified() -> None:
    assert verify_webhook(SECRET, headers(), BODY, now=NOW) == "m-1"
    assert verify_webhook(OTHER, headers(SECRET, OTHER), BODY, now=NOW) == "m-1"
    upper = {name.title(): value for name, value in headers().items()}
    assert verify_webhook(SECRET, upper, BODY, now=NOW + 299) == "m-1"


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, BODY + b" "),
        ({"webhook-id": "m-2"}, BODY),
        ({"webhook-timestamp": str(NOW + 1)}, BODY),
        ({"webhook-timestamp": "soon"}, BODY),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-signature": "v1,"}, BODY),
        ({"webhook-signature": "v1,ä"}, BODY),
        ({"webhook-signature": headers(OTHER)["webhook-signature"]}, BODY),
    ],
)
def test_whatever_was_changed_is_noticed(changed: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify_webhook(SECRET, headers() | changed, body, now=NOW)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(missing: str) -> None:
    given = headers()
    del given[missing]
    with pytest.raises(SignatureError, match=missing):
        verify_webhook(SECRET, given, BODY, now=NOW)


@pytest.mark.parametrize("now", [NOW + 301, NOW - 301])
def test_an_old_message_is_not_taken_again(now: int) -> None:
    with pytest.raises(SignatureError, match="too old"):
        verify_webhook(SECRET, headers(), BODY, now=now)
