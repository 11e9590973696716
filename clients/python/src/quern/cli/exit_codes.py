"""How a command ended, for scripts."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; the help of the command line lists them."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    FAILED = 4
    UNWELL = 5
    STILL_RUNNING = 6
    INTERRUPTED = 130


HELP = """\
Exit codes: 0 done; 1 the gateway refused; 2 wrong usage; 3 the gateway does not answer; 4 some of the work failed;
5 doctor found something broken; 6 the work goes on after --timeout; 130 interrupted."""
