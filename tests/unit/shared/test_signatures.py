from __future__ import annotations

import base64

import pytest

from shared.signatures import InvalidSecretError, read_secret, signed_headers, spell_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_specifications_own_libraries() -> None:
    headers = signed_headers(
        [SECRET],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs() -> None:
    other = spell_secret(b"k" * 24)
    both = signed_headers([other, SECRET], message_id="m", timestamp=1, body=b"b")["webhook-signature"]
    alone = [
        signed_headers([secret], message_id="m", timestamp=1, body=b"b")["webhook-signature"]
        for secret in (other, SECRET)
    ]
    assert both == " ".join(alone)


def test_a_secret_is_read_as_it_was_spelled() -> None:
    for key in (b"\x00" * 24, bytes(range(64))):
        assert read_secret(spell_secret(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        SECRET.removeprefix("whsec_"),
        SECRET.upper(),
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        "whsec_" + "k" * 31,
        SECRET + "\n",
        "whsec_" + "ä" * 32,
        SECRET.replace("9", "_"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidSecretError) as caught:
        read_secret(text)
    assert not text.removeprefix("whsec_") or text.removeprefix("whsec_") not in str(caught.value)
