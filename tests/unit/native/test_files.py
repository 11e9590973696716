from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from native.files import tail, write_private
from native.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    reader = path.open()
    write_private(path, "new")
    with reader:
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_failed_write_keeps_the_old_text_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_tail_reads_the_last_lines_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert tail(path) == ""
    path.write_bytes(b"first\n" + b"\xff" * 70_000 + b"\nsecond\nthird\n")
    assert tail(path, lines=2) == "second\nthird"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_says_once_how_a_short_task_ended() -> None:
    stream = io.StringIO()
    with Progress("Doing it", stream=stream):
        pass
    assert stream.getvalue() == "Doing it [0:00] done\n"


def test_progress_tells_a_failure_and_lets_it_through() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no"), Progress("Doing it", stream=stream):
        raise ValueError("no")
    assert stream.getvalue() == "Doing it [0:00] failed\n"


def test_progress_on_a_terminal_rewrites_its_line() -> None:
    stream = Terminal()
    with Progress("Doing it", stream=stream):
        pass
    assert stream.getvalue() == "\r\x1b[2KDoing it [0:00]\r\x1b[2KDoing it [0:00] done\n"
