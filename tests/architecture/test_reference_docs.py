from __future__ import annotations

import pytest

from support.reference_docs import PAGES, TREE


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_say_what_the_code_says(name: str) -> None:
    assert (TREE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"
