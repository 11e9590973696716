"""Summaries by an endpoint that speaks chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, InvalidURL

from janitor.core.model_answers import check_status, request_of, summary_of
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from pydantic import SecretStr

_CONNECT_SECONDS: Final = 10.0
_PIECE_BYTES: Final = 65_536


class SummaryEndpoint:
    """Sends texts to the address that the settings name, and to no other: redirects and proxies are not followed.

    Args:
        url: of the API, without ``/chat/completions``.
        key: sent as a bearer token; nothing where it is empty.
        model: that shall write.
        timeout_seconds: for one summary in all.
        answer_bytes: of an answer that are read at most.
    """

    def __init__(
        self, *, url: str, key: SecretStr, model: str, timeout_seconds: float, answer_bytes: int
    ) -> None:
        self.model = model
        self._url = f"{url}/chat/completions"
        self._timeout_seconds = timeout_seconds
        self._answer_bytes = answer_bytes
        secret = key.get_secret_value()
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"} | (
            {"Authorization": f"Bearer {secret}"} if secret else {}
        )

    async def summarise(self, title: str, text: str, *, sentences: int) -> str:
        """A summary of the text.

        Raises:
            WorkError: there is none, for now (``summary_unavailable``) or for good (``summary_refused``).
        """
        body = orjson.dumps(request_of(self.model, title, text, sentences=sentences))
        timeout = ClientTimeout(total=self._timeout_seconds, sock_connect=_CONNECT_SECONDS)
        # One for each summary: they are rare, and nothing of one tenant's stays for the next.
        try:
            async with (
                ClientSession(
                    timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=False, auto_decompress=False
                ) as session,
                session.post(self._url, data=body, headers=self._headers, allow_redirects=False) as answer,
            ):
                check_status(answer.status, answer.headers.get("Retry-After"))
                received = bytearray()
                async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                    received += piece
                    if len(received) > self._answer_bytes:
                        raise _too_long(self._answer_bytes)
        except (InvalidURL, UnicodeError) as error:
            raise WorkError(
                ErrorCode.SUMMARY_REFUSED,
                "QUERN_SUMMARY_URL is no address that can be asked: correct it.",
                retryable=False,
            ) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise WorkError(
                ErrorCode.SUMMARY_UNAVAILABLE,
                f"The endpoint QUERN_SUMMARY_URL did not answer ({type(error).__name__}): it is tried again later.",
                retryable=True,
            ) from error
        return summary_of(bytes(received))


def _too_long(limit: int) -> WorkError:
    return WorkError(
        ErrorCode.SUMMARY_REFUSED,
        f"The endpoint QUERN_SUMMARY_URL answered with more than {limit} bytes (QUERN_SUMMARY_ANSWER_BYTES).",
        retryable=False,
    )
