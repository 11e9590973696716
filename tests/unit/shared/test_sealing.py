from __future__ import annotations

import pytest

from shared.sealing import NoKeyError, Sealer, UnsealableError, new_webhook_secret
from shared.signatures import read_secret

OLD, NEW = "the older key, of 32 characters or more", "the newer key, of 32 characters or more"


def test_what_was_sealed_can_be_opened_and_not_read() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal("whsec_text", about="row 1")
    assert sealer.open(sealed, about="row 1") == "whsec_text"
    assert b"text" not in sealed
    assert sealer.seal("whsec_text", about="row 1") != sealed


def test_it_cannot_be_taken_for_that_of_another_row() -> None:
    sealer = Sealer([OLD])
    with pytest.raises(UnsealableError):
        sealer.open(sealer.seal("text", about="row 1"), about="row 2")


@pytest.mark.parametrize("place", [0, 4, 15, 20, -1])
def test_it_cannot_be_changed(place: int) -> None:
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal("text", about="row"))
    sealed[place] ^= 1
    with pytest.raises(UnsealableError):
        sealer.open(bytes(sealed), about="row")


@pytest.mark.parametrize("length", [0, 3, 4, 16, 17])
def test_what_is_too_short_is_refused(length: int) -> None:
    sealer = Sealer([OLD])
    with pytest.raises(UnsealableError):
        sealer.open(sealer.seal("text", about="row")[:length], about="row")


def test_keys_are_changed_by_a_newer_one_in_front() -> None:
    sealed = Sealer([OLD]).seal("text", about="row")
    both = Sealer([NEW, OLD])
    assert both.open(sealed, about="row") == "text"
    renewed = both.seal("text", about="row")
    assert Sealer([NEW]).open(renewed, about="row") == "text"
    with pytest.raises(UnsealableError):
        Sealer([OLD]).open(renewed, about="row")


def test_without_a_key_nothing_is_sealed() -> None:
    none = Sealer([])
    assert not none.can_seal
    assert Sealer([OLD]).can_seal
    with pytest.raises(NoKeyError):
        none.seal("text", about="row")
    with pytest.raises(UnsealableError):
        none.open(Sealer([OLD]).seal("text", about="row"), about="row")


def test_fresh_secrets_are_long_and_differ() -> None:
    assert len(read_secret(new_webhook_secret())) == 32
    assert new_webhook_secret() != new_webhook_secret()
