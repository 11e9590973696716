"""Options that several commands have."""

from typing import Annotated

import typer

Url = Annotated[str, typer.Option("--url", envvar="QUERN_URL", help="Address of the gateway.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the work has ended.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.001, help="Seconds to wait at most; the work goes on after that.")
]
