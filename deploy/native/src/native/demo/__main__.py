"""``python -m native.demo [--url URL]``: the main job, shown on the stack that is up."""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.console import Console

from native import stackfile
from native.config import TREE, NativeSettings
from native.demo import samples
from native.demo.site import DocumentationSite, build
from native.demo.story import Story
from native.errors import NativeError
from native.layout import Layout
from native.ports import Offset
from quern.client import Client
from quern.errors import ClientError


async def _tell(url: str | None, console: Console) -> None:
    settings = NativeSettings()
    layout = Layout.of(settings.data_dir)
    stack = stackfile.read(layout.stack_file)
    if stack is None:
        raise NativeError("There is no stack: `make demo` starts one, or `make up`.")
    site = DocumentationSite(build(TREE), port=settings.ports.at(Offset.DEMO_SITE))
    async with Client(stack.gateway_url) as client:
        story = Story(client=client, console=console)
        with site:
            await story.crawl(url or site.url + "/")
            await story.upload(samples.make_all(layout.root / "demo"))
            await story.ledger()
            story.heading("Searching")
            for query in (
                "why is a message only a wake-up?",
                "how fast do falcons dive",
                "fog signal of the harbour",
                "which station has a wave buoy",
            ):
                await story.search(query)
            source_id = await story.failure_and_retry(site)
            await story.delete(source_id, "walruses on drift ice")
            await story.ledger()
    story.heading("The stack is left running")
    console.print(
        f"gateway   {stack.gateway_url}  (a status page; the API's description is at /v1/openapi.json)"
    )
    console.print(f"nsqadmin  {stack.nsqadmin_url}")
    console.print("stop it   make down")


def main() -> int:
    """Run the demo; 0 when every step did what it shows."""
    parser = argparse.ArgumentParser(prog="native.demo", description=__doc__)
    parser.add_argument("--url", help="crawl this site instead of the project's own documentation")
    console = Console(width=110, highlight=False)
    try:
        asyncio.run(_tell(parser.parse_args().url, console))
    except (ClientError, NativeError, OSError) as error:
        console.print(f"[red]The demo stopped:[/red] {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
