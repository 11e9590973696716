"""Server-sent events, as the HTML standard's section 9.2.6 parses them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quern.errors import UnexpectedAnswerError

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event; ``last_id`` is what Last-Event-ID should say to go on after it."""

    name: str
    data: str
    last_id: str


class EventParser:
    """Takes bytes as they come, gives events as they are complete.

    Args:
        last_id: the id from which the stream goes on.
        max_event_bytes: a longer event is refused, so that a wrong server cannot fill the memory.
    """

    def __init__(self, *, last_id: str = "", max_event_bytes: int = 8 * 1024 * 1024) -> None:
        self._last_id = last_id
        self._max_event_bytes = max_event_bytes
        self._buffer = b""
        self._after_cr = False
        self._at_start = True
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that ``data`` completes.

        Raises:
            UnexpectedAnswerError: an event is longer than allowed.
        """
        if self._after_cr and data.startswith(b"\n"):  # the second half of a line end
            data = data[1:]
            self._after_cr = False
        *lines, self._buffer = _LINE_END.split(self._buffer + data)
        if data:
            self._after_cr = data.endswith(b"\r")
        if len(self._buffer) + self._data_bytes > self._max_event_bytes:
            raise UnexpectedAnswerError(f"An event is longer than {self._max_event_bytes} bytes.")
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: bytes) -> ServerEvent | None:
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._data_bytes += len(line)
        elif name == "event":
            self._name = value
        elif name == "id" and "\x00" not in value:
            self._last_id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return ServerEvent(name, "\n".join(data), self._last_id) if data else None
