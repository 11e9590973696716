from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.blobs.names import PARTIAL, BlobKey, safe_name
from shared.clock import new_id


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("Größe & Maß 100%.pdf", "Größe & Maß 100%.pdf"),
        ("日本語.md", "日本語.md"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("", "file"),
        ("   ", "file"),
        ("/", "file"),
        (".env", "_env"),
        (PARTIAL, "_partial"),
        ("nul\x00byte\x1b[31m.txt", "nulbyte[31m.txt"),
        ("fdp\u202efdp.exe", "fdpfdp.exe"),
        ("line\nbreak.txt", "line break.txt"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
        ("trailing. . .", "trailing"),
        ("lone\ud800.txt", "lone.txt"),
        ("e\u0301.txt", "é.txt"),
        ("e\x1b\u0301.txt", "é.txt"),
        ("x" * 300 + ".parquet", "x" * 192 + ".parquet"),
        ("é" * 300, "é" * 100),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
)
def test_names_are_kept_as_far_as_they_are_safe(original: str, expected: str) -> None:
    assert safe_name(original) == expected


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(list("./\\ \u0301e\u202enulcom1:\x00")), max_size=30).map("".join)
)
def test_a_safe_name_is_one_path_part_and_stays_itself(original: str) -> None:
    name = safe_name(original)

    assert PurePosixPath("/root", name).parent == PurePosixPath("/root")
    assert 0 < len(name.encode()) <= 200
    assert not name.startswith(".")
    assert all(unicodedata.category(char)[0] != "C" for char in name)
    assert safe_name(name) == name


@given(st.text(max_size=100))
def test_a_uri_leads_back_to_its_key(original: str) -> None:
    key = BlobKey(tenant_id=new_id(), run_id=new_id(), name=safe_name(original))

    assert BlobKey.from_uri(key.to_uri(PurePosixPath("/data/uploads"))) == key
    assert BlobKey.from_uri(key.to_uri(PurePosixPath("/moved"))) == key
