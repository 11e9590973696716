"""``python -m janitor``."""

from __future__ import annotations

import sys

from janitor.app import start
from shared.lifecycle import run_service

if __name__ == "__main__":
    sys.exit(run_service(start))
