"""Secrets that must be used again and lie in Postgres: sealed by a key that is not there."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import QuernError
from shared.signatures import spell_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

_NONCE_BYTES: Final = 12
_NAME_BYTES: Final = 4
_SECRET_BYTES: Final = 32


def new_webhook_secret() -> str:
    """A fresh secret that webhooks are signed by: 256 random bits."""
    return spell_secret(os.urandom(_SECRET_BYTES))


class UnsealableError(QuernError):
    """The key by which this was sealed is not among those that are known, or it was sealed for something else."""

    def __init__(self) -> None:
        super().__init__("A secret cannot be read: the key that sealed it is not among QUERN_SEAL_KEYS.")


class NoKeyError(QuernError):
    """Nothing can be sealed: no key is set."""

    def __init__(self) -> None:
        super().__init__("Secrets cannot be kept yet: an operator has to set QUERN_SEAL_KEYS.")


class Sealer:
    """AES-256-GCM (NIST SP 800-38D) under keys of the installation: the first seals, all of them open.

    A sealed text is the first bytes of the hash of its key, a random nonce, and the ciphertext with its tag. ``about``
    is authenticated with it: what was sealed for one row cannot be opened as that of another.

    Args:
        keys: texts of at least 32 characters, at random; the newest first. Empty: nothing can be sealed or opened.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {name: AESGCM(key) for name, key in map(_derived, reversed(keys))}
        self._newest = _derived(keys[0])[0] if keys else None

    @property
    def can_seal(self) -> bool:
        """Whether there is a key."""
        return self._newest is not None

    def seal(self, text: str, *, about: str) -> bytes:
        """Seal a text; the same one looks different each time.

        Raises:
            NoKeyError: there is no key.
        """
        if self._newest is None:
            raise NoKeyError
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, text.encode(), about.encode())
        return self._newest + nonce + sealed

    def open(self, sealed: bytes, *, about: str) -> str:
        """What was sealed.

        Raises:
            UnsealableError: by none of these keys, or for something else.
        """
        name, rest = sealed[:_NAME_BYTES], sealed[_NAME_BYTES:]
        key = self._keys.get(name)
        if key is None or len(rest) <= _NONCE_BYTES:
            raise UnsealableError
        try:
            return key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], about.encode()).decode()
        except InvalidTag:
            raise UnsealableError from None


def _derived(key: str) -> tuple[bytes, bytes]:
    """The name of a key and the key itself: of two different hashes, so that the name tells nothing of the key."""
    text = key.encode()
    return hashlib.sha256(b"quern seal name\n" + text).digest()[:_NAME_BYTES], hashlib.sha256(
        b"quern seal key\n" + text
    ).digest()
