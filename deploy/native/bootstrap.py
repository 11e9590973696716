"""Makes the environment that everything else runs in, from the locks alone.

Run by the Python that the machine has, before there is anything else: standard library only.

    python3 deploy/native/bootstrap.py [--bench]

The first run takes about half a minute, a run that finds nothing changed a few hundredths of a second. QUERN_VENV
names another place for the environment than ``.venv`` in the tree.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import ssl
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).resolve().parents[2]
LOCKS = TREE / "requirements"
OLDEST = (3, 11)


def members() -> list[Path]:
    """The folders of the workspace's packages, as the root's pyproject.toml lists them."""
    import tomllib  # noqa: PLC0415  (an older Python must get as far as the sentence that refuses it)

    workspace = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"][
        "workspace"
    ]
    found = [path for pattern in workspace["members"] for path in TREE.glob(pattern)]
    return sorted(path for path in found if (path / "pyproject.toml").is_file())


def wanted_stamp(locks: list[Path]) -> str:
    """Names the environment that these locks, the packages' own descriptions and this Python make."""
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix}".encode())
    for path in [Path(__file__), *locks, *(member / "pyproject.toml" for member in members())]:
        digest.update(str(path.relative_to(TREE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def read(stamp: Path) -> str:
    """What the environment was made from, or nothing where it is not complete."""
    try:
        return stamp.read_text(encoding="utf-8")
    except OSError:
        return ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two set-ups at once take turns; it ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of the same environment.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def run(what: str, command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run one step, or end with a sentence that names it."""
    print(what, flush=True)
    done = subprocess.run(command, cwd=TREE, env=environment, check=False)  # noqa: S603  (fixed commands)
    if done.returncode:
        sys.exit(f"{what} failed (exit code {done.returncode}).")


def works(python: Path) -> bool:
    """Whether the environment's Python starts and is this one."""
    probe = "import sys; print(sys.version, sys.base_prefix)"
    try:
        done = subprocess.run(  # noqa: S603  (the environment's own Python)
            [str(python), "-c", probe], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == f"{sys.version} {sys.base_prefix}"


def make_venv(venv: Path) -> None:
    """A fresh environment with pip, unless one for this Python is there."""
    if works(venv / "bin" / "python") and (venv / "bin" / "pip").exists():
        return
    if find_spec("ensurepip") is None:  # a Debian without python3-venv lacks it
        sys.exit("This Python cannot make environments: install its venv package (Debian: python3-venv).")
    run(f"Making {venv}", [sys.executable, "-m", "venv", "--clear", str(venv)])


def link_mode(venv: Path) -> str:
    """How uv brings files from its cache: by links, which one file system alone can hold, or by copies."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    cache = Path(os.environ.get("UV_CACHE_DIR") or default)
    while not cache.exists():
        cache = cache.parent
    return "hardlink" if cache.stat().st_dev == venv.stat().st_dev else "copy"


def machine_has_certificates() -> bool:
    """Whether this machine says itself which certificate authorities it trusts, a company's own perhaps among them."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


def uv_environment(venv: Path) -> dict[str, str]:
    """The user's settings of indexes and certificates, without what would change which packages are installed."""
    ignored = {"PYTHONHOME", "PYTHONPATH", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_REQUIRE_HASHES", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in ignored}
    trust = {"UV_SYSTEM_CERTS": "true"} if machine_has_certificates() else {}
    return {"UV_LINK_MODE": link_mode(venv), **trust, **kept, "UV_PYTHON_DOWNLOADS": "never"}


def install(venv: Path, locks: list[Path]) -> None:
    """Install everything: each file that is fetched must have a hash that its lock names."""
    python = str(venv / "bin" / "python")
    hashes = "--require-hashes"
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", hashes]
    run("Installing uv", [*pip, "-r", str(LOCKS / "bootstrap.txt")])
    uv = [str(venv / "bin" / "uv"), "pip", "install", *quiet, "--python", python]
    environment = uv_environment(venv)
    run("Installing build back ends", [*uv, hashes, "-r", str(LOCKS / "build.txt")], environment)
    for lock in locks:
        isolated = ["--no-build-isolation-package", "pynsq"]  # it has no wheel; its back end is locked, too
        # A library of one of the peers refuses data files that have more than one link.
        own = {"UV_LINK_MODE": "copy"} if lock.name == "bench.txt" else {}
        run(f"Installing {lock.name}", [*uv, hashes, *isolated, "-r", str(lock)], environment | own)
    editable = [part for member in members() for part in ("-e", str(member))]
    run("Installing the workspace", [*uv, "--no-build-isolation", "--no-deps", *editable], environment)


def main() -> None:
    """Bring the environment to what the locks say."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"Python 3.11 or newer is needed, this is {found}: name another with `make PYTHON=...`.")
    parser = argparse.ArgumentParser(description="Makes the environment from the locks.")
    parser.add_argument("--bench", action="store_true", help="also what `make bench` compares with")
    arguments = parser.parse_args()
    locks = [LOCKS / name for name in (["dev.txt", "bench.txt"] if arguments.bench else ["dev.txt"])]
    venv = Path(os.environ.get("QUERN_VENV") or TREE / ".venv").expanduser().absolute()
    stamp, wanted = venv / f".quern-{locks[-1].stem}", wanted_stamp(locks)
    if read(stamp) == wanted:
        return
    with alone(venv.parent):
        if read(stamp) == wanted:  # another set-up has made it meanwhile
            return
        make_venv(venv)
        for old in venv.glob(".quern-*"):
            old.unlink()
        install(venv, locks)
        stamp.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
