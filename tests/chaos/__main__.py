"""``python -m chaos SEED``: exits with 0 if every promise was kept, with 1 and the first broken one if not."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from chaos import plan, report, schedule
from chaos.broken import BrokenPromiseError
from chaos.options import Options, parse
from chaos.round import Round
from chaos.stack import LEASE_SECONDS

KEPT: Final = ("QUERN_CACHE_DIR", "QUERN_VENV")
SHOWN: Final = 12
INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C has ended."""


async def run(options: Options, folder: Path) -> str:
    """Both rounds; the table of figures.

    Raises:
        BrokenPromiseError: the first one.
    """
    began = time.monotonic()
    deadline = began + options.minutes * 60
    work = plan.plan(seed=options.seed, documents=options.documents)
    faults = schedule.plan(
        seed=options.seed,
        faults=options.faults,
        seconds=options.fault_seconds,
        lease_seconds=LEASE_SECONDS,
    )
    sys.stdout.write(report.announcement(options, work, faults))
    sys.stdout.flush()
    calm = Round(options=options, plan=work, schedule=(), folder=folder / "calm", deadline=deadline)
    expected = await calm.run()
    disturbed = Round(
        options=options, plan=work, schedule=faults, folder=folder / "disturbed", deadline=deadline
    )
    found = await disturbed.run()
    if differences := expected.differences(found):
        what = f"{len(differences)} things have come out otherwise than undisturbed"
        raise BrokenPromiseError("outcome", what, tuple(differences[:SHOWN]))
    return report.table(options, work, calm.figures, disturbed.figures, time.monotonic() - began)


def main() -> int:
    """Do what the command line asks for."""
    options = parse(sys.argv[1:])
    for name in [name for name in os.environ if name.startswith("QUERN_") and name not in KEPT]:
        del os.environ[name]  # what is tested shall not depend on the shell
    folder = options.folder or Path(mkdtemp(prefix="quern-chaos-"))
    try:
        sys.stdout.write(asyncio.run(run(options, folder)))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        return INTERRUPTED
    except (BrokenPromiseError, ExceptionGroup) as error:
        broken = first(error)
        if broken is None:
            sys.stdout.write(f"\nData and logs: {folder}\n")
            raise
        sys.stdout.write(report.failure(options, broken, folder))
        return 1
    shutil.rmtree(folder)
    return 0


def first(error: Exception) -> BrokenPromiseError | None:
    """The promise that was noticed first: others follow from it, or from the end of everything."""
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := first(each)) is not None), None)
    return error if isinstance(error, BrokenPromiseError) else None


if __name__ == "__main__":
    sys.exit(main())
