"""The Go servers: built once from their pinned modules, kept outside the tree, checked on every use."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from native.config import TREE
from native.errors import BuildError
from native.files import write_private
from native.golang import Go, go_binary
from native.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST: Final = "manifest.json"
GO_BUILD: Final = ("build", "-v", "-trimpath", "-ldflags", "-s -w")


@dataclass(frozen=True)
class ServerModule:
    """A Go module of ours whose ``tool`` directives name the servers of one project.

    Attributes:
        label: the project, for people.
        folder: where its go.mod and go.sum are.
        requirement: the module path that carries the project's version.
        binaries: the commands that come out.
    """

    label: str
    folder: Path
    requirement: str
    binaries: tuple[str, ...]

    @property
    def version(self) -> str:
        """The pinned version, as in go.mod."""
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.requirement)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.folder / 'go.mod'} does not require {self.requirement}.")
        return found.group(1)

    def key(self, go_version: str) -> str:
        """Names a build: everything that can change its result goes in."""
        parts = [(self.folder / name).read_bytes() for name in ("go.mod", "go.sum")]
        parts += [go_version.encode(), platform.machine().encode(), " ".join(GO_BUILD).encode()]
        digest = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
        return f"{self.label.lower()}-{self.version}-{digest[:16]}"


TOOLS: Final = TREE / "deploy" / "native" / "tools"
NSQ: Final = ServerModule("NSQ", TOOLS / "nsq", "github.com/nsqio/nsq", ("nsqd", "nsqlookupd", "nsqadmin"))
WEAVIATE: Final = ServerModule(
    "Weaviate", TOOLS / "weaviate", "github.com/weaviate/weaviate", ("weaviate-server",)
)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_intact(folder: Path, binaries: tuple[str, ...]) -> bool:
    """Whether the folder holds these binaries with the digests that were recorded after their build."""
    try:
        recorded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return all(sha256_of(folder / name) == recorded[name] for name in binaries)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def build_lock(path: Path) -> Iterator[None]:
    """Hold the lock of one module's builds, waiting visibly for another build to end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Progress("Waiting for another process that builds the same server"):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class ServerCache:
    """The folder of built servers (QUERN_CACHE_DIR).

    Args:
        root: the folder; several users or trees may not share it unless they trust each other.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def binary(self, module: ServerModule, name: str) -> Path:
        """The path of one server, built first where it is missing or damaged.

        Raises:
            BuildError: the build failed; what was downloaded is kept for the next try.
        """
        return self.ensure(module) / name

    def ensure(self, module: ServerModule) -> Path:
        """The folder with the binaries of a module, built first where needed."""
        go = go_binary()
        key = module.key((go.parent.parent / "VERSION").read_text(encoding="utf-8").split()[0])
        target = self._root / "servers" / key
        if is_intact(target, module.binaries):
            return target
        with build_lock(self._root / f"{key}.lock"):
            if not is_intact(target, module.binaries):  # another process may have built it meanwhile
                self._build(module, go, key, target)
        return target

    def _build(self, module: ServerModule, binary: Path, key: str, target: Path) -> None:
        scratch = self._root / "scratch" / key
        output = scratch / "out"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        go = Go(binary=binary, module=module.folder, scratch=scratch)
        try:
            compile_tools(go, f"{module.label} {module.version}", output)
        except BuildError as error:
            raise BuildError(
                f"{error}\nWhat was fetched is kept in {scratch}: run the same again to go on."
            ) from None
        digests = {name: sha256_of(output / name) for name in module.binaries}
        write_private(output / MANIFEST, json.dumps(digests, indent=2) + "\n")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        output.rename(target)
        shutil.rmtree(scratch)


def compile_tools(go: Go, label: str, output: Path) -> None:
    """Fetch, verify and compile the tools of a module into ``output``, showing progress."""
    fetched = 0
    packages: set[str] = set()

    def note_fetch(line: str) -> None:
        nonlocal fetched
        if line.startswith("go: "):
            fetched += 1
            progress.tell(f"{fetched} modules fetched")
        else:
            packages.add(line)

    with Progress(f"Fetching the source of {label}") as progress:
        go.run("list", "-deps", "tool", on_line=note_fetch)
        progress.tell("checking every module against go.sum")
        go.run("mod", "verify", on_line=lambda _line: None)
    compiled: set[str] = set()

    def note_package(line: str) -> None:
        if line in packages:
            compiled.add(line)
        progress.tell(f"{len(compiled)} of {len(packages)} packages")

    with Progress(f"Building {label} (once)") as progress:
        go.run(*GO_BUILD, "-o", f"{output}/", "tool", on_line=note_package)
