"""``python -m ingest_worker``."""

from __future__ import annotations

import sys

from ingest_worker.app import start
from shared.lifecycle import run_service

if __name__ == "__main__":
    sys.exit(run_service(start))
