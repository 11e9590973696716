"""From bytes to models: every rule about what a request may hold is applied here, before a handler sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from gateway.core.errors import BodyTooLargeError, Fault, InvalidRequestError, MalformedJsonError
from gateway.http.continuing import continue_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web
    from multidict import MultiMapping

    from gateway.http.route import AnyRoute

M = TypeVar("M", bound=BaseModel)


def bind_query(model: type[M], parameters: MultiMapping[str]) -> M:
    """Read a query string.

    Raises:
        InvalidRequestError: a parameter is unknown, given twice, or not what it should be.
    """
    faults = [
        Fault(("query", name), "must be given once")
        for name in dict.fromkeys(parameters)
        if len(parameters.getall(name)) > 1
    ]
    if faults:
        raise InvalidRequestError(faults)
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as error:
        raise InvalidRequestError(_faults("query", error)) from None


async def bind_body(
    route: AnyRoute, request: web.BaseRequest, *, max_bytes: int, idle_seconds: float
) -> BaseModel:
    """Read a JSON body, of which something must come every ``idle_seconds``.

    Raises:
        MalformedJsonError: it is no JSON.
        BodyTooLargeError: it is longer than ``max_bytes``.
        InvalidRequestError: a field is unknown, missing, or not what it should be.
    """
    data = await _read(request, max_bytes=max_bytes, idle_seconds=idle_seconds)
    model: type[BaseModel] = route.body
    if not data.strip() and route.optional_body:
        return model()
    if not route.takes_json:
        _require_nothing(data)
        return model()
    return parse_json(model, data)


def parse_json(model: type[M], data: bytes) -> M:
    """Read JSON; raises as :func:`bind_body`."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError:
        raise MalformedJsonError("The body is not valid JSON.") from None
    faults = [Fault(("body", *loc), "must not hold a NUL character") for loc in _unstorable(value, ())]
    if faults:
        raise InvalidRequestError(faults)
    try:
        # Not from the value: in JSON an id or a time is text, which strict mode would refuse there.
        return model.model_validate_json(data)
    except ValidationError as error:
        raise InvalidRequestError(_faults("body", error)) from None


async def _read(request: web.BaseRequest, *, max_bytes: int, idle_seconds: float) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise BodyTooLargeError("body", max_bytes)
    if not request.body_exists:
        return b""
    await continue_reading(request)
    data = bytearray()
    try:
        while True:
            async with asyncio.timeout(idle_seconds):
                chunk = await request.content.readany()
            if not chunk:
                return bytes(data)
            data += chunk
            if len(data) > max_bytes:
                raise BodyTooLargeError("body", max_bytes)
    except TimeoutError:
        raise MalformedJsonError(f"Nothing was sent for {idle_seconds:g} seconds.") from None


def _require_nothing(data: bytes) -> None:
    # Clients that always send a JSON object may: an empty one says nothing that could be ignored.
    if data.strip() not in (b"", b"{}"):
        raise InvalidRequestError.at("body", msg="this request takes no body")


def _unstorable(value: object, loc: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, str):
        if "\x00" in value:
            yield loc
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unstorable(key, loc)
            yield from _unstorable(item, (*loc, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, (*loc, index))


def _faults(where: str, error: ValidationError) -> list[Fault]:
    return [Fault((where, *fault["loc"]), _message(fault)) for fault in error.errors(include_url=False)]


def _message(fault: Any) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")
