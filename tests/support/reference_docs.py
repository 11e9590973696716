"""The reference pages that are made from the code: ``PYTHONPATH=tests python -m support.reference_docs`` writes them."""

from __future__ import annotations

from pathlib import Path

from gateway.config import GatewaySettings
from ingest_worker.config import WorkerSettings
from janitor.config import JanitorSettings
from result_consumer.config import ConsumerSettings
from shared.observability.metrics import all_families
from shared.settings_doc import collect_settings, markdown_table

TREE = Path(__file__).resolve().parents[2]


def settings_page() -> str:
    """Every setting of every service."""
    docs = collect_settings(GatewaySettings, WorkerSettings, ConsumerSettings, JanitorSettings)
    return (
        "# Settings\n\nEnvironment variables, the same for all services unless their name says otherwise. "
        "Values that contradict each other are refused at the start. Made from the code by `make docs`.\n\n"
        + markdown_table(docs)
    )


def metrics_page() -> str:
    """Every metric."""
    rows = [
        f"| `{family.name}` | {', '.join(f'`{label}`' for label in family.labels) or '–'} | {family.help} |"
        for family in sorted(all_families(), key=lambda family: family.name)
    ]
    return (
        "# Metrics\n\nOn each service's own admin port under `/metrics`, never on the public one. "
        "Made from the code by `make docs`.\n\n| metric | labels | meaning |\n|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


PAGES = {"docs/operations/settings.md": settings_page, "docs/operations/metrics.md": metrics_page}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (TREE / name).parent.mkdir(parents=True, exist_ok=True)
        (TREE / name).write_text(render(), encoding="utf-8")
