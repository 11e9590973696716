from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from native.launch import clear_postgres, postgres_processes, recorded_postmaster
from native.process import LAUNCHER, ProcessSpec

if TYPE_CHECKING:
    from pathlib import Path

TELL = "import json, os; print(json.dumps([os.getpid(), os.getcwd(), dict(os.environ)]))"


def test_process_keeps_the_pid_and_gets_exactly_its_environment(tmp_path: Path) -> None:
    spec = ProcessSpec(
        name="odd %(name)s",
        argv=(sys.executable, "-I", "-S", "-c", TELL),
        env={"ODD": "a;b #c 'd' \"e\" %f\nsecond line", "LC_ALL": "C.UTF-8"},
        cwd=tmp_path,
        log=tmp_path / "log",
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(spec.save(tmp_path))], stdout=subprocess.PIPE
    )
    output, _ = process.communicate(timeout=30)
    assert json.loads(output) == [process.pid, str(tmp_path), dict(spec.env)]


def test_secrets_of_a_process_are_not_shown_where_it_is_printed(tmp_path: Path) -> None:
    spec = ProcessSpec(name="x", argv=("/bin/true",), env={"KEY": "geheim"}, cwd=tmp_path, log=tmp_path / "l")
    assert "geheim" not in repr(spec)


@pytest.mark.parametrize("content", ["", "\n", "no number\n"])
def test_damaged_pid_file_names_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert recorded_postmaster(tmp_path) is None


def test_stale_pid_file_is_removed_even_when_its_pid_lives_on_as_something_else(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    clear_postgres(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_process_that_merely_stands_in_the_folder_is_no_postgres(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
    try:
        assert postgres_processes(tmp_path) == []
    finally:
        stranger.kill()
        stranger.wait()
