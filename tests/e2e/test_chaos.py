"""A short seeded run of `make chaos`: the promises under fire."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.claims import PortClaims

SEED = 11
FAULTS = 8
DOCUMENTS = 60
SECONDS = 24
MINUTES = 8
TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(60 * MINUTES + 60)
def test_every_promise_is_kept_under_fire(port_claims: PortClaims, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "chaos",
        str(SEED),
        "--faults",
        str(FAULTS),
        "--documents",
        str(DOCUMENTS),
    ]
    command += [
        "--seconds",
        str(SECONDS),
        "--minutes",
        str(MINUTES),
        "--base-port",
        str(port_claims.take().base),
    ]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "c")],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60 * MINUTES + 30,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(rf"^faults +{FAULTS}$", done.stdout, re.MULTILINE), done.stdout
    assert f"Seed {SEED}: every promise was kept." in done.stdout
    assert not (tmp_path / "c").exists(), "nothing is left behind"
