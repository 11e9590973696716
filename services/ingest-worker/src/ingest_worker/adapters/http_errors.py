"""The HTTP client's errors as failures of work, each with a sentence for people."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp

from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Raise what the client raises about ``host`` as :class:`WorkError`; a time-out of the whole passes."""
    try:
        yield
    except aiohttp.ClientError as error:
        raise _translate(host, error) from error
    except OSError as error:
        if isinstance(error, TimeoutError):  # the deadline of the whole fetch is told by whoever set it
            raise
        raise _unreachable(f"The connection to {host} broke: {_why(error)}.") from error


def _translate(host: str, error: aiohttp.ClientError) -> WorkError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _tls(f"The certificate of {host} is not valid: {_why(error)}.", retryable=False)
        case aiohttp.ClientSSLError():
            return _tls(f"No secure connection to {host}: {_why(error)}.", retryable=True)
        case aiohttp.ServerTimeoutError():
            return WorkError(
                ErrorCode.TIMEOUT, f"{host} did not accept a connection in time.", retryable=True
            )
        case aiohttp.ClientConnectorError():
            return _unreachable(f"No connection to {host}: {_why(error)}.")
        case aiohttp.ClientResponseError():
            return _unreachable(f"{host} answered with something that is not HTTP.")
    return _unreachable(f"The connection to {host} broke before the answer was complete.")


def _tls(sentence: str, *, retryable: bool) -> WorkError:
    return WorkError(ErrorCode.TLS_ERROR, sentence, retryable=retryable)


def _unreachable(sentence: str) -> WorkError:
    return WorkError(ErrorCode.UNREACHABLE, sentence, retryable=True)


def _why(error: BaseException) -> str:
    """The system's own words about the cause, without the client's wrapping."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _why(error.certificate_error)
        case aiohttp.ClientConnectorError():
            return _why(error.os_error)
        case ssl.SSLCertVerificationError():
            return str(error.verify_message)
        case ssl.SSLError():
            return str(error.reason or "the handshake failed").lower().replace("_", " ")
        case OSError() if error.errno:
            return os.strerror(error.errno).lower()
    return str(error)
