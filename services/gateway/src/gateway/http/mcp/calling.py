"""What becomes of a tool call: an answer, or a sentence that tells an assistant what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.core.errors import InvalidRequestError, MalformedJsonError
from gateway.http.binding import parse_json
from gateway.http.problems import INTERNAL_ERROR, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import BaseModel

    from gateway.http.mcp.tools import AnyCall, AnyTool

_log = structlog.get_logger(__name__)

_ADVICE: Final = {
    "not_found": "Look up the id with search, list_sources or list_documents; it may have been removed.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """An answer, or why there is none.

    Attributes:
        text: for assistants that read text.
        structured: for those that read structure; None where there is no answer.
        outcome: ``ok``, or the code of a problem.
    """

    text: str
    structured: dict[str, Any] | None
    outcome: str


class Calling:
    """Runs tools by their names.

    Args:
        tools: all of them.
        observe: takes tool, outcome and seconds of each call.
    """

    def __init__(self, tools: Iterable[AnyTool], observe: Callable[[str, str, float], None]) -> None:
        self.tools: Mapping[str, AnyTool] = {tool.name: tool for tool in tools}
        self._observe = observe

    async def run(self, call: AnyCall, tool: AnyTool, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Run a tool; what goes wrong becomes an answer."""
        start = perf_counter()
        outcome = "cancelled"
        try:
            answer = await self._answer(call, tool, arguments)
            outcome = answer.outcome
        finally:
            seconds = perf_counter() - start
            self._observe(tool.name, outcome, seconds)
            _log.info("tool_called", tool=tool.name, outcome=outcome, seconds=round(seconds, 4))
        return answer

    async def _answer(self, call: AnyCall, tool: AnyTool, arguments: Mapping[str, Any]) -> ToolAnswer:
        try:
            result: BaseModel = await tool.run(call, _read(tool, arguments))
        except InvalidRequestError as error:
            faults = "; ".join(f"{_place(fault.loc)}: {fault.msg}" for fault in error.faults)
            return _refused("validation_error", f"The arguments of {tool.name} are not right. {faults}.")
        except Exception as error:  # noqa: BLE001  (an unknown kind is logged and told as such, as by Front)
            return _failed(call, tool, error)
        return ToolAnswer(text=tool.text(result), structured=result.model_dump(mode="json"), outcome="ok")


def _read(tool: AnyTool, arguments: Mapping[str, Any]) -> BaseModel:
    try:
        # By way of JSON, as in a request: half of a surrogate pair, infinities and NUL are refused there.
        model: BaseModel = parse_json(tool.arguments, json.dumps(arguments).encode())
    except (MalformedJsonError, RecursionError):
        raise InvalidRequestError.at("body", msg="must be valid JSON text") from None
    return model


def _failed(call: AnyCall, tool: AnyTool, error: Exception) -> ToolAnswer:
    known = refusal(error)
    if known is None:
        _log.error("tool_failed", tool=tool.name, exc_info=error)
        # An assistant has no logs: the id is for the person who looks after the installation.
        return _refused(
            INTERNAL_ERROR.code,
            f"Something went wrong here (request {call.caller.request_id}). Trying the same again will hardly help.",
        )
    return _refused(known.code, f"{known.detail} {_ADVICE.get(known.code, '')}")


def _place(loc: tuple[str | int, ...]) -> str:
    return ".".join(map(str, loc[1:])) or "arguments"


def _refused(code: str, sentence: str) -> ToolAnswer:
    return ToolAnswer(text=sentence.strip(), structured=None, outcome=code)
