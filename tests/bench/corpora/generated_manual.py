"""An HTML manual made from the docstrings of Python's standard library, where no packaged manual can be had."""

from __future__ import annotations

import ast
import sysconfig
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from native.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT: Final = {"test", "tests", "idle_test", "site-packages", "__pycache__", "lib2to3"}
_LINKED: Final = 40
_DONE: Final = ".complete"
_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def generate(folder: Path) -> Path:
    """Write one page for each class and module that has something to say; the folder."""
    if (folder / _DONE).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with Progress("Making a manual from the standard library's docstrings"):
        names = []
        for name, body in _pages(Path(sysconfig.get_paths()["stdlib"])):
            names.append(name)
            (folder / f"{name}.html").write_text(_page(name, body, names[-_LINKED:-1]), encoding="utf-8")
        links = "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in names)
        (folder / "index.html").write_text(_page("index", f"<ul>{links}</ul>", []), encoding="utf-8")
        (folder / _DONE).touch()
    return folder


def _pages(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if _LEFT_OUT.intersection(parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        yield from _of_module(".".join(part for part in parts if part != "__init__"), tree)


def _of_module(name: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and ast.get_docstring(node)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    text = ast.get_docstring(tree) or ""
    if not text and not classes:
        return
    yield name or "python", _paragraphs(text) + "".join(map(_entry, functions))
    for node in classes:
        members = [part for part in node.body if isinstance(part, _Documented)]
        yield (
            f"{name}.{node.name}",
            _paragraphs(ast.get_docstring(node) or "") + "".join(map(_entry, members)),
        )


def _entry(node: _Documented) -> str:
    text = ast.get_docstring(node)
    return f"<h2>{escape(node.name)}</h2>{_paragraphs(text)}" if text else ""


def _paragraphs(text: str) -> str:
    blocks = (block.strip("\n") for block in text.split("\n\n"))
    return "".join(
        f"<pre>{escape(block)}</pre>" if block[:1].isspace() else f"<p>{escape(block)}</p>"
        for block in blocks
    )


def _page(name: str, body: str, neighbours: list[str]) -> str:
    links = " ".join(f'<a href="{other}.html">{other}</a>' for other in ["index", *neighbours])
    return (
        f"<!doctype html><html lang=en><head><title>{escape(name)}</title></head><body>"
        f"<nav>{links}</nav><main><h1>{escape(name)}</h1>{body}</main></body></html>"
    )
