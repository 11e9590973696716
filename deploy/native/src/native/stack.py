"""Brings a whole stack up and down; both can be repeated at any time, after any crash."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from native import leftovers, migrations, nsq, postgres, running, stackfile, supervisor_config
from native.credentials import load_or_create
from native.errors import NativeError
from native.layout import Layout
from native.plan import make_plan
from native.ports import refuse_taken
from native.progress import Progress, say
from native.running import Running
from native.services import STOP_MARGIN_SECONDS
from native.stackfile import StackFile
from native.supervision import LEFTOVER_SECONDS, Supervision
from native.supervisor_client import SupervisorClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from native.config import NativeSettings


class Stack:
    """One stack, identified by its data directory.

    Args:
        settings: where it lives, which ports it uses.
        user: the environment that services inherit.
    """

    def __init__(self, *, settings: NativeSettings, user: Mapping[str, str]) -> None:
        self._settings = settings
        self._user = user
        self.layout = Layout.of(settings.data_dir)
        self.supervision = Supervision(
            layout=self.layout,
            start_seconds=settings.start_timeout_seconds,
            stop_seconds=settings.shutdown_grace_seconds + 2 * STOP_MARGIN_SECONDS,
        )

    def up(self, *, servers_only: bool = False) -> Running:
        """Start whatever does not run yet, and wait until all of it is ready.

        Raises:
            NativeError: something could not start; what this call had started is stopped again.
        """
        self.layout.create()
        with self._alone():
            started = running.load(self.layout) if self.supervision.is_up() else None
            if started is not None:
                self._tell_changes(started)
                self._bring_up(started)
                return started
            started = self._launch(servers_only=servers_only)
            try:
                self._bring_up(started)
            except BaseException:  # also Ctrl-C: nothing half started stays behind
                self._end(started)
                raise
            return started

    def down(self) -> None:
        """Stop everything; nothing happens where nothing runs.

        Raises:
            NativeError: something does not end, not even when it is killed.
        """
        if not self.layout.run.is_dir():
            say(f"Nothing runs in {self.layout.root}.")
            return
        with self._alone():
            self._end(running.load(self.layout))
            say(f"The stack in {self.layout.root} is down.")

    def _end(self, started: Running | None) -> None:
        orphans = self.supervision.stop(started)
        if orphans:
            say(f"Ended what had lost its supervisor: {counted(orphans)}.")
        if started is not None:
            started.stack.write(self.layout.stack_file)

    def _launch(self, *, servers_only: bool) -> Running:
        settings, layout = self._settings, self.layout
        if orphans := leftovers.end(layout.root, grace_seconds=LEFTOVER_SECONDS):
            say(f"Ended what an earlier stack had left: {counted(orphans)}.")
        refuse_taken(settings.ports, workers=settings.workers, consumers=settings.consumers)
        credentials = load_or_create(layout.credentials)
        plan = make_plan(settings, layout, credentials, self._user, servers_only=servers_only)
        postgres.initialise(layout, credentials, plan.who)
        stack = StackFile.of(settings, credentials)
        started = Running.of(plan, settings, stack, running.chosen_settings(settings, self._user))
        started.save(layout)
        stack.write(layout.stack_file)
        supervisor_config.write(layout, plan.processes)
        self.supervision.launch()
        return started

    def _tell_changes(self, started: Running) -> None:
        names = running.changed(started.chosen, running.chosen_settings(self._settings, self._user))
        if names:
            say(
                f"The stack runs with earlier values of {', '.join(names)}: `make down`, then `make up`, applies them."
            )

    def _bring_up(self, started: Running) -> None:
        if not self.supervision.stopped(started):
            say(f"The stack in {self.layout.root} runs already.")
            for name in started.logs:
                self.supervision.wait_ready(name, started)
            return
        for name in started.servers:
            self.supervision.start(name)
            self.supervision.wait_ready(name, started)
            self._prepare(name, started)
        for name in started.services:
            self.supervision.start(name)
        for name in started.services:
            self.supervision.wait_ready(name, started)

    def _prepare(self, name: str, started: Running) -> None:
        if name == postgres.NAME:
            with Progress("Migrating the database"):
                credentials = load_or_create(self.layout.credentials)
                limit = self._settings.start_timeout_seconds
                migrations.migrate(self.layout, started.ports, credentials, timeout_seconds=limit)
        if name == nsq.NSQD:
            nsq.ensure_topics(started.ports)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the stack's lock: two calls of up and down at once take turns."""
        with (self.layout.run / "stack.lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with Progress("Waiting for another start or stop of this stack"):
                    fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def status(layout: Layout) -> StackFile | None:
    """What runs, as stack.json says; None where nothing ever ran.

    Raises:
        NativeError: the supervisor is gone, so that nobody keeps that file current.
    """
    stack = stackfile.read(layout.stack_file)
    if stack is not None and stack.processes and not SupervisorClient(layout.run).is_up():
        raise NativeError(
            f"The supervisor of {layout.root} is gone: `make up` or `make down` sets that right."
        )
    return stack


def counted(processes: int) -> str:
    """A number of processes, as people write it."""
    return "1 process" if processes == 1 else f"{processes} processes"
