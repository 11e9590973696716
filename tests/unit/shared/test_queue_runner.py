from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from shared.errors import DependencyUnavailableError
from shared.outcome import DeadLetter, Done, Outcome
from shared.queue.ports import ConsumerOptions, Delivery
from shared.queue.runner import Runner

if TYPE_CHECKING:
    import pytest

AWAY = DependencyUnavailableError("postgres", "It does not answer.")


class Reply:
    """What nsqd is told about one message."""

    def __init__(self) -> None:
        self.finished = 0
        self.delays_ms: list[int] = []
        self.told = asyncio.Event()

    def finish(self) -> None:
        self.finished += 1
        self.told.set()

    def requeue(self, delay_ms: int) -> None:
        self.delays_ms.append(delay_ms)
        self.told.set()

    def touch(self) -> None:
        return


def delivery(number: int = 1, *, attempts: int = 1) -> Delivery:
    return Delivery(
        id=f"{number:016x}", body=b"{}", attempts=attempts, timestamp_ns=0, topic="t", channel="c"
    )


async def nobody(_delivery: Delivery, _reason: str) -> None:
    raise AWAY


def runner(handler: object, *, dead_letter: object = nobody) -> Runner:
    return Runner(
        handler=handler,  # type: ignore[arg-type]  # the tests' own
        dead_letter=dead_letter,  # type: ignore[arg-type]  # likewise
        options=ConsumerOptions(max_in_flight=100, error_delay_seconds=1.0, error_delay_max_seconds=8.0),
        record=lambda _topic, _channel, _label: None,
    )


async def waits(_delivery: Delivery) -> Outcome:
    raise AWAY


async def test_an_outage_puts_messages_off_longer_and_longer_and_is_told_once() -> None:
    made = runner(waits)
    with capture_logs() as log:
        for attempts in range(1, 30):
            reply = Reply()
            made.deliver("nsqd", delivery(attempts, attempts=attempts), reply)
            await reply.told.wait()
            middle = min(2 ** (attempts - 1), 8) * 1000
            assert reply.finished == 0
            assert middle * 0.79 <= reply.delays_ms[0] <= min(middle * 1.21, 8000)
    # Of these messages: what another runner on this loop has lost is told a second later, by its number alone.
    told = [line["event"] for line in log if line["log_level"] != "debug" and "message_id" in line]
    assert told == ["handler_waits_for_dependency"]


async def test_a_dead_letter_that_nobody_can_keep_now_comes_back_without_an_alarm() -> None:
    async def no_message(_delivery: Delivery) -> Outcome:
        return DeadLetter("not JSON")

    made, reply = runner(no_message), Reply()
    with capture_logs() as log:
        made.deliver("nsqd", delivery(), reply)
        await reply.told.wait()
    assert (reply.finished, len(reply.delays_ms)) == (0, 1)
    assert {line["log_level"] for line in log} <= {"debug", "warning"}


async def test_a_lost_connection_is_one_line_however_many_messages_it_carried() -> None:
    async def never(_delivery: Delivery) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    made = runner(never)
    with capture_logs() as log:
        for number in range(60):
            made.deliver("nsqd", delivery(number), Reply())
        made.lose_source("nsqd", "nsqd closed the connection")
        made.lose_source("nsqd", "nsqd closed the connection")
    lines = [line for line in log if line["log_level"] != "debug"]
    assert [(line["event"], line["messages"]) for line in lines] == [("leases_lost", 60)]
    await made.drain(1.0)


async def test_leases_lost_one_by_one_are_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.queue.runner.TELL_LOST_SECONDS", 0.0)
    told = asyncio.Event()

    async def never(_delivery: Delivery) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    made = runner(never)
    with capture_logs() as log:
        for _ in range(2):
            for number in range(60):
                made.deliver("nsqd", delivery(number), Reply())
                made.lose("nsqd", delivery(number).id, "nsqd says that it is not ours")
            asyncio.get_running_loop().call_later(0.0, told.set)
            await told.wait()
            told.clear()
        await made.drain(1.0)
    lines = [line for line in log if line["log_level"] != "debug"]
    assert [(line["event"], line["messages"]) for line in lines] == [("leases_lost", 60)] * 2


async def test_what_was_lost_last_is_told_at_the_end() -> None:
    async def never(_delivery: Delivery) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    made = runner(never)
    with capture_logs() as log:
        made.deliver("nsqd", delivery(1), Reply())
        made.lose("nsqd", delivery(1).id, "nsqd says that it is not ours")
        await made.drain(1.0)
    assert [line["messages"] for line in log if line["event"] == "leases_lost"] == [1]
