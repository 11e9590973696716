from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quern.cli.running import UsageError
from quern.cli.targets import File, Site, find_targets

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def test_addresses_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "notes.unknown", "docs/index.md")
    found = find_targets(["HTTPS://Example.org/", str(tmp_path / "notes.unknown"), str(tmp_path / "docs")])
    assert found.sites == (Site("HTTPS://Example.org/"),)
    assert found.files == (
        File(tmp_path / "notes.unknown", "notes.unknown"),
        File(tmp_path / "docs/index.md", "index.md"),
    )


def test_a_folder_gives_what_can_be_read_under_names_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, "index.md", "guide/index.md", "guide/b/Table.CSV", "logo.png", ".git/x.md", "a/.hidden.md")
    found = find_targets([str(tmp_path)])
    assert [file.name for file in found.files] == ["guide-b-Table.CSV", "guide-index.md", "index.md"]
    assert found.left_out == 1


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "docs/index.md")
    (tmp_path / "docs" / "loop").symlink_to(tmp_path / "docs")
    assert [file.name for file in find_targets([str(tmp_path / "docs")]).files] == ["index.md"]


def test_two_files_that_would_be_one_document_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/guide.md", "b/guide.md")
    with pytest.raises(UsageError, match=r"would both be called guide\.md"):
        find_targets([str(tmp_path / "a/guide.md"), str(tmp_path / "b/guide.md")])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("ftp://example.org/x", "only http:// and https://"),
        ("example.org/docs", r"write https://example\.org/docs"),
        ("missing", r"There is no file or folder missing\.$"),
        ("./missing.md", r"There is no file or folder \./missing\.md\.$"),
    ],
)
def test_what_is_nothing_is_told_with_a_hint(word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        find_targets([word])
