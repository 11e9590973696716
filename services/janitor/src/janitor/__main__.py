"""``python -m janitor``."""

from __future__ import annotations

import sys

from shared.starting import heed_signals

if __name__ == "__main__":
    heed_signals()
    from janitor.app import start
    from shared.lifecycle import run_service

    sys.exit(run_service(start))
