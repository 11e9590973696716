"""Writes what supervisord reads.

It runs in the folder of its configuration and finds everything by relative paths, so that no folder's name,
however long or odd, can break the format. (It makes the socket's path absolute, and an address of that kind
holds 107 bytes; through /proc/self/cwd it is short.) What is secret or needs quoting is in the files that the launcher
reads.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from native.files import write_private
from native.process import LAUNCHER, ProcessSpec, server_env

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from native.layout import Layout

CONFIG: Final = "supervisord.conf"
SOCKET: Final = "supervisor.sock"
LISTENER: Final = "stack-file"
SETTLED_SECONDS: Final = 5
"""A process that ends sooner is started again after a pause that grows; one that ends later at once."""
START_RETRIES: Final = 1_000_000
LOG_BYTES: Final = 10 * 1024 * 1024
LOG_BACKUPS: Final = 3

HEAD: Final = f"""\
[supervisord]
nodaemon = true
silent = true
logfile = ../logs/supervisord.log
logfile_maxbytes = {LOG_BYTES}
logfile_backups = 1
pidfile = supervisord.pid
childlogdir = .
umask = 077
identifier = quern
{{user}}
[unix_http_server]
file = /proc/self/cwd/{SOCKET}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM: Final = """
[program:{name}]
command = ./python -I -S ./launch.py {name}.json
priority = {priority}
autostart = false
autorestart = true
startsecs = {settled}
startretries = {retries}
stopsignal = {signal}
stopwaitsecs = {stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = ../logs/{name}.log
stdout_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = {log_backups}
"""

EVENT_LISTENER: Final = f"""
[eventlistener:{LISTENER}]
command = ./python -I -S ./launch.py {LISTENER}.json
events = PROCESS_STATE
buffer_size = 1000
priority = 0
autostart = true
stdout_logfile = NONE
autorestart = true
startretries = {START_RETRIES}
stderr_logfile = ../logs/{LISTENER}.log
stderr_logfile_maxbytes = {LOG_BYTES}
stderr_logfile_backups = 1
"""


def render(specs: Sequence[ProcessSpec]) -> str:
    """The configuration; priorities follow the order of ``specs``, so that supervisord stops them in reverse."""
    user = "user = root\n" if os.geteuid() == 0 else ""  # says that running as root is meant
    programs = [
        PROGRAM.format(
            name=spec.name,
            priority=100 + index,
            settled=SETTLED_SECONDS,
            retries=START_RETRIES,
            signal=spec.stop_signal,
            stop_seconds=spec.stop_seconds,
            log_bytes=LOG_BYTES,
            log_backups=LOG_BACKUPS,
        )
        for index, spec in enumerate(specs)
    ]
    return HEAD.format(user=user) + EVENT_LISTENER + "".join(programs)


def write(layout: Layout, specs: Sequence[ProcessSpec]) -> None:
    """Write the configuration and what it refers to into the stack's run folder."""
    listener = ProcessSpec(
        name=LISTENER,
        argv=(sys.executable, "-m", "native.listener", str(layout.root)),
        env=server_env(layout.root, {"PYTHONSAFEPATH": "1"}),
        cwd=layout.root,
        log=layout.log_of(LISTENER),
    )
    for spec in (*specs, listener):
        spec.save(layout.run)
    link(layout.run / "python", sys.executable)
    link(layout.run / "launch.py", LAUNCHER)
    write_private(layout.run / CONFIG, render(specs))


def link(path: Path, target: str | Path) -> None:
    """Point a symbolic link at the target, whatever it pointed at before."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)
