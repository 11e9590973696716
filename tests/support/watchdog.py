"""Ends the servers of a test session that was killed: waits for its parent, then looks for what is left.

Run as ``python watchdog.py <folder>``; the parent holds the other end of standard input for as long as it lives.
"""

from __future__ import annotations

import sys
from pathlib import Path

from native.leftovers import end


def main() -> None:
    """Wait for the end of the parent, then end every process whose data lies below the folder."""
    sys.stdin.read()
    end(Path(sys.argv[1]), grace_seconds=0, below=True)


if __name__ == "__main__":
    main()
