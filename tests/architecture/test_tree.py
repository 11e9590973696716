"""What the tree may hold: sources, small, that name no machine and no registry."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
MOST_BYTES = 1_000_000
ITSELF = "tests/architecture/test_tree.py"
IGNORED = re.compile(r"^(\..+|__pycache__|node_modules|dist|build|.*\.egg-info)$")
KEPT = frozenset({".ci", ".dockerignore", ".env.example", ".gitignore"})

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|registry\.npmjs|npmjs\.(?:org|com)"
    r"|deb\.debian\.org|crates\.io|--index-url|--extra-index-url|--find-links",
)
MACHINES = re.compile(
    r"(?<![\w./-])/(?:work|home|Users)/[\w.-]+/|(?<![\w./-])/root/|/tmp/(?:notes|bash_jobs)"
)


@cache
def files() -> tuple[str, ...]:
    """Tracked files; where there is no git, everything that is not ignored."""
    git = shutil.which("git")
    if git is not None and (TREE / ".git").exists():
        listed = subprocess.run(
            [git, "-C", TREE, "ls-files", "-z"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return tuple(name for name in listed.split("\0") if name and (TREE / name).is_file())
    return tuple(walked(TREE))


def walked(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.iterdir()):
        if IGNORED.match(path.name) and path.name not in KEPT:
            continue
        found += walked(path) if path.is_dir() else [path.relative_to(TREE).as_posix()]
    return found


def text_of(name: str) -> str:
    return (TREE / name).read_bytes().decode("utf-8", "replace")


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}: {match[0]}"
        for name in files()
        if name != ITSELF
        for match in pattern.finditer(text_of(name))
    ]


def test_the_tree_is_seen() -> None:
    assert {"pyproject.toml", "Makefile", ".ci/run", "deploy/.env.example"} <= set(files())
    assert {"pyproject.toml", "Makefile", ".ci/run", "deploy/.env.example"} <= set(walked(TREE))


def test_no_file_is_large() -> None:
    assert [name for name in files() if (TREE / name).stat().st_size > MOST_BYTES] == []


def test_nothing_names_a_registry() -> None:
    allowed = "requirements/compile.sh: "  # the flags that keep such names out of the locks
    assert [hit for hit in hits(REGISTRIES) if not hit.startswith(allowed)] == []


def test_nothing_names_a_machine() -> None:
    assert hits(MACHINES) == []


@pytest.mark.parametrize("name", [name for name in files() if name.startswith("requirements/")])
def test_locks_hold_versions_and_hashes_alone(name: str) -> None:
    if not name.endswith(".txt"):
        return
    lines = text_of(name).splitlines()
    known = re.compile(
        r"^(?:[a-z0-9._-]+==[^\s\\]+(?: ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?|#.*)$"
    )
    assert [line for line in lines if not known.match(line)] == []
    assert any("--hash=" in line for line in lines)


def test_nothing_that_holds_secrets_or_state_is_kept() -> None:
    forbidden = re.compile(
        r"(^|/)(\.env|stack\.json|credentials\.json|.*\.(pem|key|pyc|log|sqlite3?|parquet))$"
    )
    assert [name for name in files() if forbidden.search(name)] == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRIES, "pip install --index-url x"),
        (REGISTRIES, "see https://files.pythonhosted.org/x"),
        (MACHINES, "open('/root/.cache')"),
        (MACHINES, "cd /home/someone/x"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
