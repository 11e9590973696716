from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from native.config import TREE, NativeSettings, default_cache_dir


def test_defaults_are_those_that_other_tools_rely_on() -> None:
    settings = NativeSettings()
    assert settings.data_dir == TREE / ".quern"
    assert (settings.http_port, settings.base_port) == (8000, 18100)
    assert (settings.workers, settings.consumers) == (2, 1)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUERN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QUERN_WORKERS", "5")
    assert NativeSettings().data_dir == tmp_path
    assert NativeSettings().workers == 5


@pytest.mark.parametrize("port", [18100, 18189])
def test_public_port_among_the_others_is_refused_with_both_numbers(port: int) -> None:
    with pytest.raises(ValidationError, match=rf"QUERN_HTTP_PORT {port} .* QUERN_BASE_PORT 18100"):
        NativeSettings(http_port=port)


@pytest.mark.parametrize("port", [18099, 18190])
def test_public_port_beside_the_others_is_taken(port: int) -> None:
    assert NativeSettings(http_port=port).ports.http == port


def test_cache_follows_the_base_directory_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert default_cache_dir() == Path("/somewhere/cache/quern")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache_dir() == Path.home() / ".cache" / "quern"
