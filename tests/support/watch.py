"""Leaves nothing behind, however a test session ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from native.layout import Layout

WATCHDOG: Final = Path(__file__).with_name("watchdog.py")


class Watchdog:
    """Ends every process whose data lies below a folder, as soon as it is closed or this process is gone.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        command = [sys.executable, str(WATCHDOG), str(root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def close(self) -> None:
        """End what is left, and wait for that."""
        self._process.communicate()
        assert self._process.returncode == 0, "the watchdog failed: processes may be left"


def remove_data(layout: Layout) -> None:
    """Remove what a stack stored; its logs stay for a look until pytest removes its old folders."""
    for folder in (layout.postgres, layout.nsqd, layout.weaviate, layout.blobs, layout.run):
        shutil.rmtree(folder, ignore_errors=True)
