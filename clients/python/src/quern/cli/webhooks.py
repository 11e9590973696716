"""``quern webhooks``: other systems that are told when runs end."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from quern.cli.exit_codes import ExitCode
from quern.cli.options import AsJson, Url
from quern.cli.output import moment, plain, table, word
from quern.cli.running import Session, UsageError, execute
from quern.client import DEFAULT_URL
from quern.models import Delivery, Webhook

app = typer.Typer(
    help="Have other systems told when runs end.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TEST_SECONDS = 60.0
POLL_SECONDS = 0.2

WebhookId = Annotated[UUID, typer.Argument(metavar="WEBHOOK", help="Its id.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="run.succeeded, run.failed, run.cancelled or run.skipped; all if left out."),
]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret", envvar="QUERN_WEBHOOK_SECRET", help="whsec_… of your own; made there if left out."
    ),
]


@app.command("list")
def list_(*, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List webhooks."""

    async def work(session: Session) -> ExitCode:
        hooks = [hook async for hook in session.client.webhooks.walk()]
        session.out.emit(
            {"items": [hook.model_dump(mode="json") for hook in hooks]}, lambda console: _many(console, hooks)
        )
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command()
def add(
    *,
    target: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent to.")],
    event: Events = None,
    description: Annotated[str, typer.Option(help="What to call it.")] = "",
    secret: Secret = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a webhook; its secret is shown this once."""

    async def work(session: Session) -> ExitCode:
        events: Any = event
        hook = await session.client.webhooks.add(
            target, events=events, description=description, secret=secret
        )
        session.out.emit(hook.model_dump(mode="json"), lambda console: _with_secret(console, hook))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command()
def change(
    *,
    webhook: WebhookId,
    to: Annotated[str | None, typer.Option(help="Another address.")] = None,
    event: Events = None,
    description: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    active: Annotated[
        bool | None, typer.Option("--on/--off", help="Send to it, which also ends a pause, or do not.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Change a webhook, or end its pause."""

    async def work(session: Session) -> ExitCode:
        if to is None and event is None and description is None and active is None:
            raise UsageError("Say what is to change.")
        events: Any = event
        hook = await session.client.webhooks.update(
            webhook, url=to, events=events, description=description, active=active
        )
        session.out.emit(hook.model_dump(mode="json"), lambda console: _many(console, [hook]))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command()
def secret(
    *,
    webhook: WebhookId,
    secret: Secret = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="The one before ends at once.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Replace the secret; the one before signs along for a while."""

    async def work(session: Session) -> ExitCode:
        hook = await session.client.webhooks.replace_secret(webhook, secret=secret, revoke=revoke)
        session.out.emit(hook.model_dump(mode="json"), lambda console: _with_secret(console, hook))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command()
def delete(*, webhook: WebhookId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Delete a webhook: nothing is sent to it any more."""

    async def work(session: Session) -> ExitCode:
        await session.client.webhooks.delete(webhook)
        session.out.emit({"deleted": str(webhook)}, lambda console: console.print(plain("Deleted.")))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


@app.command("test")
def ping(
    *,
    webhook: WebhookId,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds to wait for the first try.")
    ] = TEST_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send a ping, and tell how the receiver took it."""

    async def work(session: Session) -> ExitCode:
        sent = await session.client.webhooks.test(webhook)
        return await _watched(session, sent, timeout)

    execute(work, url=url, as_json=as_json)


@app.command()
def redeliver(
    *,
    webhook: WebhookId,
    delivery: Annotated[UUID, typer.Argument(metavar="DELIVERY", help="Its id.")],
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the try.")] = TEST_SECONDS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send a delivery now, whatever became of it."""

    async def work(session: Session) -> ExitCode:
        sent = await session.client.webhooks.redeliver(webhook, delivery)
        return await _watched(session, sent, timeout)

    execute(work, url=url, as_json=as_json)


@app.command()
def deliveries(
    *,
    webhook: WebhookId,
    status: Annotated[str | None, typer.Option(help="waiting, delivered or dead.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many are listed at most.")] = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List what was and will be sent to a webhook."""

    async def work(session: Session) -> ExitCode:
        state: Any = status
        page = await session.client.webhooks.deliveries(webhook, status=state, limit=limit)
        session.out.emit(page.model_dump(mode="json"), lambda console: _sent(console, page.items))
        return ExitCode.OK

    execute(work, url=url, as_json=as_json)


async def _watched(session: Session, sent: Delivery, timeout_seconds: float) -> ExitCode:
    """What becomes of the next try."""
    known, last = len(sent.tries), sent.tries[-1].at if sent.tries else None
    found = sent
    try:
        async with asyncio.timeout(timeout_seconds):
            while len(found.tries) == known and (not found.tries or found.tries[-1].at == last):
                await asyncio.sleep(POLL_SECONDS)
                found = await session.client.webhooks.delivery(sent.webhook_id, sent.id)
    except TimeoutError:
        session.out.note("It was not tried yet. Is the janitor running? `quern doctor` tells.")
    session.out.emit(found.model_dump(mode="json"), lambda console: _sent(console, [found]))
    if len(found.tries) == known and (not found.tries or found.tries[-1].at == last):
        return ExitCode.STILL_RUNNING
    return ExitCode.OK if found.tries[-1].error_code is None else ExitCode.FAILED


def _state(hook: Webhook) -> str:
    if not hook.active:
        return "off"
    return f"paused ({hook.paused_reason})" if hook.paused_at else "failing" if hook.failing_since else "ok"


def _many(console: Console, hooks: Sequence[Webhook]) -> None:
    if not hooks:
        console.print(plain("There are no webhooks: `quern webhooks add URL` makes one."))
        return
    rows = [
        (hook.id, word(_state(hook)), hook.url, ", ".join(hook.events), hook.description) for hook in hooks
    ]
    console.print(table(("ID", "STATUS", "URL", "EVENTS", ""), rows))


def _with_secret(console: Console, hook: Webhook) -> None:
    _many(console, [hook])
    console.print(plain(f"Secret: {hook.secret}"))
    console.print(plain("It is not shown again.", "dim"))


def _sent(console: Console, found: Sequence[Delivery]) -> None:
    if not found:
        console.print(plain("Nothing was sent yet."))
        return
    console.print(
        table(("ID", "STATUS", "EVENT", "TRIES", "LAST", "NEXT"), [_row(delivery) for delivery in found])
    )


def _row(delivery: Delivery) -> tuple[object, ...]:
    last = delivery.tries[-1] if delivery.tries else None
    said = "-" if last is None else f"{last.http_status or last.error_code}, {last.duration_ms} ms"
    if last is not None and last.error:
        said += f": {last.error}"
    return (
        delivery.id,
        word(delivery.status),
        delivery.event,
        delivery.attempts,
        said,
        moment(delivery.next_attempt_at),
    )
