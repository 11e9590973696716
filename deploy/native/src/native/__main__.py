"""``python -m native``: what the Makefile calls."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from pydantic import ValidationError

from native.config import NativeSettings
from native.errors import NativeError
from native.layout import Layout
from native.progress import say
from native.servers import NSQ, WEAVIATE, ServerCache
from native.stack import Stack, status

if TYPE_CHECKING:
    from native.stackfile import StackFile


def main() -> int:
    """Run one command; the exit code."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves as little behind as Ctrl-C does
    try:
        settings = NativeSettings()
        _COMMANDS[arguments.command](settings, arguments)
    except ValidationError as error:
        for problem in error.errors():
            name = "".join(f"QUERN_{part}: ".upper() for part in problem["loc"])
            say(f"{name}{problem['msg'].removeprefix('Value error, ')}")
        return 2
    except NativeError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted.")
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m native", description="Runs the whole stack on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and wait until it is ready")
    up.add_argument("--servers-only", action="store_true", help="leave the four services out")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="list what runs")
    commands.add_parser("logs", help="follow all logs")
    commands.add_parser("build", help="build the Go servers into the cache")
    return parser.parse_args()


def _up(settings: NativeSettings, arguments: argparse.Namespace) -> None:
    started = Stack(settings=settings, user=os.environ).up(servers_only=arguments.servers_only)
    _show(started.stack, Layout.of(settings.data_dir))


def _down(settings: NativeSettings, _arguments: argparse.Namespace) -> None:
    Stack(settings=settings, user=os.environ).down()


def _status(settings: NativeSettings, _arguments: argparse.Namespace) -> None:
    layout = Layout.of(settings.data_dir)
    stack = status(layout)
    if stack is None or not stack.processes:
        raise NativeError(f"Nothing runs in {layout.root}: `make up` starts it.")
    for process in stack.processes:
        sys.stdout.write(f"{process.name:20} pid {process.pid:<8} {process.log}\n")
    _show(stack, layout)


def _logs(settings: NativeSettings, _arguments: argparse.Namespace) -> None:
    logs = sorted(str(path) for path in Layout.of(settings.data_dir).logs.glob("*.log"))
    if not logs:
        raise NativeError(f"There are no logs in {settings.data_dir}: `make up` starts the stack.")
    os.execvp("tail", ["tail", "-n", "20", "-F", *logs])  # noqa: S606, S607  (the user's own tail)


def _build(settings: NativeSettings, _arguments: argparse.Namespace) -> None:
    for module in (NSQ, WEAVIATE):
        say(f"{module.label} {module.version}: {ServerCache(settings.cache_dir).ensure(module)}")


def _show(stack: StackFile, layout: Layout) -> None:
    sys.stdout.write(
        f"gateway   {stack.gateway_url}\nnsqadmin  {stack.nsqadmin_url}\nall else  {layout.stack_file}\n"
    )


_COMMANDS = {"up": _up, "down": _down, "status": _status, "logs": _logs, "build": _build}

if __name__ == "__main__":
    sys.exit(main())
