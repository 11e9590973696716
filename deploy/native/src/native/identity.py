"""As whom PostgreSQL runs: it refuses to be root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from native.errors import RootRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROBE_SECONDS: Final = 10
MAPPED_ID: Final = 1000


@dataclass(frozen=True)
class Identity:
    """How to run a program as somebody whom PostgreSQL accepts.

    Attributes:
        prefix: what goes before its command.
        uid: whose files it works on, as seen from outside; None leaves them as they are.
        gid: likewise for the group.
    """

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


def candidates() -> list[Identity]:
    """What root can try, best first.

    1. A user namespace of its own: root outside, an ordinary user inside, files stay root's.
    2. Where that is refused, as in many containers: the user nobody, with the one capability that lets it reach
       programs and data below folders that are closed to others.
    """
    found = []
    if unshare := shutil.which("unshare"):
        mapped = (unshare, "--user", f"--map-user={MAPPED_ID}", f"--map-group={MAPPED_ID}")
        found.append(Identity(mapped, 0, 0))
    if setpriv := shutil.which("setpriv"):
        nobody = pwd.getpwnam("nobody")
        switch = (setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        reach = ("--inh-caps=-all,+dac_override", "--ambient-caps=+dac_override")
        found.append(Identity((*switch, *reach), nobody.pw_uid, nobody.pw_gid))
    return found


def works(identity: Identity, program: Path, folder: Path) -> bool:
    """Whether the program starts under this identity and can reach the folder."""
    for command in ((str(program), "--version"), ("/usr/bin/env", "test", "-d", f"{folder}/.")):
        try:
            done = subprocess.run(  # noqa: S603  (fixed programs of the system and of the wheel)
                [*identity.prefix, *command], capture_output=True, timeout=PROBE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode:
            return False
    return True


def choose(program: Path, folder: Path, *, options: Sequence[Identity] | None = None) -> Identity:
    """The identity under which PostgreSQL runs here.

    Args:
        program: a program of the server.
        folder: where its data will lie; it exists.
        options: what to try as root; ``candidates()`` unless given.

    Raises:
        RootRefusedError: this is root, and no way to be somebody else works.
    """
    if os.geteuid() != 0:
        return Identity()
    for identity in candidates() if options is None else options:
        if works(identity, program, folder):
            return identity
    raise RootRefusedError(
        "PostgreSQL refuses to run as root. Neither a user namespace (unshare --user) nor the user nobody "
        f"(setpriv) can run it here with its data in {folder}: run this as an ordinary user."
    )


def take_over(folder: Path, identity: Identity) -> None:
    """Give the folder and all in it to the identity, where that is not so already; for root only."""
    if identity.uid is None or identity.gid is None:
        return
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid != identity.uid:
            os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
