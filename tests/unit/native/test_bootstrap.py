from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest

from native.config import TREE

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = TREE / "deploy" / "native" / "bootstrap.py"


@pytest.fixture
def bootstrap() -> Any:
    spec = spec_from_file_location("bootstrap_under_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_package_of_the_workspace_is_installed(bootstrap: Any) -> None:
    assert {path.name for path in bootstrap.members()} == {
        "shared",
        "gateway",
        "ingest-worker",
        "result-consumer",
        "janitor",
        "python",
        "native",
    }


def test_changed_lock_is_another_environment(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("one==1\n")
    members = bootstrap.members()
    monkeypatch.setattr(bootstrap, "members", lambda: members)
    monkeypatch.setattr(bootstrap.Path, "relative_to", lambda self, _tree: self)
    before = bootstrap.wanted_stamp([lock])
    assert bootstrap.wanted_stamp([lock]) == before
    lock.write_text("one==2\n")
    assert bootstrap.wanted_stamp([lock]) != before


def test_links_are_used_on_one_file_system_and_copies_between_two(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "not" / "there" / "yet"))
    assert bootstrap.link_mode(tmp_path) == "hardlink"
    monkeypatch.setenv("UV_CACHE_DIR", "/proc")
    assert bootstrap.link_mode(tmp_path) == "copy"


def test_users_settings_cannot_change_which_packages_are_installed(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CONSTRAINT", "mine.txt")
    monkeypatch.setenv("UV_INDEX_URL", "https://mirror.example/simple")
    environment = bootstrap.uv_environment(tmp_path)
    assert "UV_CONSTRAINT" not in environment
    assert environment["UV_INDEX_URL"] == "https://mirror.example/simple"


def test_script_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "--bench" in done.stdout
