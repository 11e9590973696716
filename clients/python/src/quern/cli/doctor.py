"""``quern doctor``: looks at everything that can be seen from outside, and says what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from quern import __version__
from quern.cli.diagnosis import Finding, Level, Observed, diagnose, is_well
from quern.cli.exit_codes import ExitCode
from quern.cli.output import plain, table, word
from quern.errors import ClientError, NoAnswerError, UnexpectedAnswerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rich.console import Console

    from quern.cli.running import Session

T = TypeVar("T")


async def examine(session: Session) -> ExitCode:
    """Check everything; only a gateway that does not answer at all ends the examination early."""
    try:
        await session.client.system.health()
    except (UnreachableError, NoAnswerError, UnexpectedAnswerError) as error:
        advice = "Start Quern (`make up`, or `docker compose up -d`), or say where it is: --url, QUERN_URL."
        return _told(session, [Finding(Level.BROKEN, "gateway", str(error), advice)], ExitCode.UNREACHABLE)
    failures: dict[str, str] = {}
    routes = session.client.system
    findings = [
        Finding(Level.OK, "gateway", "answers"),
        *diagnose(
            Observed(
                client_version=__version__,
                ready=await _tried(failures, "readiness", routes.ready),
                system=await _tried(failures, "system", routes.get),
                ledger=await _tried(failures, "ledger", routes.ledger),
                stats=await _tried(failures, "failed jobs", routes.stats),
                failures=failures,
            )
        ),
    ]
    return _told(session, findings, ExitCode.OK if is_well(findings) else ExitCode.UNWELL)


async def _tried(failures: dict[str, str], subject: str, ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await ask()
    except ClientError as error:
        failures[subject] = f"could not be asked for: {error}"
        return None


def _told(session: Session, findings: Sequence[Finding], code: ExitCode) -> ExitCode:
    data = {"well": code is ExitCode.OK, "findings": [asdict(finding) for finding in findings]}
    session.out.emit(data, lambda console: _show(console, findings))
    return code


def _show(console: Console, findings: Sequence[Finding]) -> None:
    rows = [(word(finding.level), finding.subject, finding.detail) for finding in findings]
    console.print(table(("STATUS", "WHAT", ""), rows))
    advised = [finding for finding in findings if finding.advice]
    if not advised:
        console.print(plain("All is well.", "green"))
    for finding in advised:
        console.print(word(finding.level) + plain(f" {finding.subject}: {finding.advice}"), soft_wrap=True)
