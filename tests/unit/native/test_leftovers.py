from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from native import leftovers
from native.process import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


@contextmanager
def sleeper(environment: dict[str, str], program: str = STUBBORN) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program], env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has come as far as ignoring the signal
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_marked_process_is_found_and_ended_even_if_it_ignores_being_asked(tmp_path: Path) -> None:
    with sleeper({MARKER: str(tmp_path)}) as process:
        assert leftovers.find(tmp_path).pids == [process.pid]
        assert leftovers.end(tmp_path, grace_seconds=0) == 1
        assert process.wait(10) == -signal.SIGKILL


def test_process_that_only_knows_the_data_directory_is_a_stranger(tmp_path: Path) -> None:
    with sleeper({"QUERN_DATA_DIR": str(tmp_path)}) as process:
        assert leftovers.end(tmp_path, grace_seconds=0) == 0
        assert process.poll() is None


def test_directories_inside_count_only_when_asked(tmp_path: Path) -> None:
    with sleeper({MARKER: str(tmp_path / "inner")}) as process:
        assert leftovers.find(tmp_path).pids == []
        assert leftovers.find(tmp_path, below=True).pids == [process.pid]


def test_directory_with_the_same_beginning_is_another_stack(tmp_path: Path) -> None:
    with sleeper({MARKER: f"{tmp_path}-2"}):
        assert leftovers.find(tmp_path, below=True).pids == []


def test_this_process_never_ends_itself(tmp_path: Path) -> None:
    assert os.getpid() not in leftovers.find(tmp_path).pids
    program = (
        "import sys; from pathlib import Path; from native.leftovers import end;"
        "print(end(Path(sys.argv[1]), grace_seconds=0))"
    )
    environment = {**os.environ, MARKER: str(tmp_path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "0\n"


def test_ended_process_that_was_not_waited_for_counts_as_gone(tmp_path: Path) -> None:
    with sleeper({MARKER: str(tmp_path)}, program="print()") as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert leftovers.is_zombie(process.pid)
        assert leftovers.find(tmp_path).pids == []
