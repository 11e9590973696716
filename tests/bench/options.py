"""What `python -m bench` is asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PARTS: Final = ("memory", "latency", "crawl", "markdown", "upload")
"""In this order: what is measured at rest comes before there is much to rest on."""

REPORT: Final = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured.

    Attributes:
        parts: what is measured.
        rounds: runs of each thing, peers included.
        pages: of the manual that are crawled, at most.
        documents: Markdown files that are uploaded.
        upload_mib: size of the large upload.
        tries: of the latency of one page.
        idle_seconds: how long the idle stack is watched.
        settle_seconds: how long the stack is left alone before it counts as idle.
        workers: copies of ingest-worker.
        consumers: copies of result-consumer.
        base_port: the first of a hundred free ports.
        manual: a folder with an HTML manual.
        settings: further QUERN_ settings of the services.
        report: where the report goes; nowhere if None.
    """

    parts: tuple[str, ...]
    rounds: int
    pages: int
    documents: int
    upload_mib: int
    tries: int
    idle_seconds: float
    settle_seconds: float
    workers: int
    consumers: int
    base_port: int
    manual: Path | None
    settings: dict[str, str]
    report: Path | None


def parse(arguments: list[str]) -> Options:
    """Read the command line. Only a whole measurement writes the report, unless it is asked to."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(
        PARTS
    ):  # argparse refuses its own empty default where it is given choices
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    parts = tuple(part for part in PARTS if part in (given.parts or PARTS))
    whole = not arguments
    return Options(
        parts=parts,
        rounds=given.rounds,
        pages=given.pages,
        documents=given.documents,
        upload_mib=given.upload_mib,
        tries=given.tries,
        idle_seconds=given.idle_seconds,
        settle_seconds=given.settle_seconds,
        workers=given.workers,
        consumers=given.consumers,
        base_port=given.base_port,
        manual=given.manual,
        settings=dict(pair.split("=", 1) for pair in given.set),
        report=given.report or (REPORT if whole else None),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures speed and memory beside well-known peers."
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=" | ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each thing")
    parser.add_argument("--pages", type=int, default=5000, help="pages of the manual at most")
    parser.add_argument("--documents", type=int, default=550, help="Markdown files")
    parser.add_argument("--upload-mib", type=int, default=1024, help="size of the large upload")
    parser.add_argument("--tries", type=int, default=25, help="tries of the latency of one page")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="how long the idle stack is watched")
    parser.add_argument("--settle-seconds", type=float, default=30.0, help="until it counts as idle")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--consumers", type=int, default=1)
    parser.add_argument("--base-port", type=int, default=23000, help="the first of a hundred free ports")
    parser.add_argument("--manual", type=Path, help="a folder with an HTML manual; its index.html leads on")
    parser.add_argument(
        "--set", action="append", default=[], metavar="QUERN_X=Y", help="a setting of the services"
    )
    parser.add_argument("--report", type=Path, help="write the report there, whatever was measured")
    return parser
