"""Sending what waits for webhooks: to real receivers of every temper, from real rows."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from janitor.core.webhooks import RetryLimits
from janitor.tasks.forget_deliveries import ForgetDeliveries
from shared.clock import new_id
from shared.postgres.errors import PostgresUnavailableError
from shared.postgres.reads.records import Slice
from shared.postgres.sql import queries
from shared.postgres.webhook_sending import SendingLimits
from shared.postgres.webhooks import DeliveryInFlightError, WebhookInactiveError, WebhookWish
from shared.sealing import Sealer, new_webhook_secret
from support.certificates import Authority
from support.client import until
from support.fetchers import Names, RawServer, saying
from support.pipeline import CALLER
from support.receivers import receiving
from support.webhooks import LIMITS, Hooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shared.postgres.webhooks import DeliveryRow
    from support.pipeline import Pipeline
    from support.receivers import Receiver


@pytest.fixture
async def hooks(pipeline: Pipeline) -> Hooks:
    return Hooks(pipeline)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


def last(delivery: DeliveryRow) -> Any:
    return delivery.tries[-1]


async def refused(hooks: Hooks, url: str, **options: Any) -> DeliveryRow:
    """What becomes of a delivery to this address after one try."""
    webhook = await hooks.add(url)
    delivery = await hooks.ping(webhook.id)
    async with hooks.sending(**options) as sending:
        assert await sending.turn() == 1
    found = await hooks.get(delivery)
    assert (found.status, found.attempts, len(found.tries)) == ("waiting", 1, 1)
    assert found.next_attempt_at is not None
    return found


async def test_a_message_arrives_signed_and_is_noted(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(f"{receiver.url}/hook?key=1")
    delivery = await hooks.ping(webhook.id)
    async with hooks.sending() as sending:
        assert await sending.turn() == 1
        assert await sending.turn() == 0
    (message,) = receiver.messages
    assert message.is_signed_by(hooks.secrets[webhook.id])
    assert not message.is_signed_by(new_webhook_secret())
    assert message.headers["Content-Type"] == "application/json"
    assert message.headers["User-Agent"].startswith("Quern-Webhooks/")
    assert (message.id, message.path) == (str(delivery.id), "/hook")
    assert message.json == {
        "type": "webhook.ping",
        "timestamp": message.json["timestamp"],
        "data": {"webhook_id": str(webhook.id)},
    }
    found = await hooks.get(delivery)
    assert (found.status, found.attempts, found.next_attempt_at) == ("delivered", 1, None)
    assert (last(found)["http_status"], last(found)["error_code"]) == (200, None)


async def test_an_error_is_tried_again_later_with_the_same_id_and_body(
    hooks: Hooks, receiver: Receiver
) -> None:
    receiver.answers["/"] = [500]
    webhook = await hooks.add(receiver.url)
    delivery = await hooks.ping(webhook.id)
    async with hooks.sending() as sending:
        await sending.turn()
        found = await hooks.get(delivery)
        assert (found.status, last(found)["error_code"]) == ("waiting", "http_error")
        assert (last(found)["http_status"], last(found)["response"]) == (500, "said")
        assert await sending.turn() == 0  # not due yet
        assert (await hooks.store.get(CALLER.tenant_id, webhook.id)).failing_since is not None
        await hooks.make_due()
        await sending.turn()
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert second.is_signed_by(hooks.secrets[webhook.id])
    found = await hooks.get(delivery)
    assert (found.status, found.attempts) == ("delivered", 2)
    assert [one["http_status"] for one in found.tries] == [500, 200]
    assert (await hooks.store.get(CALLER.tenant_id, webhook.id)).failing_since is None


async def test_pauses_grow_and_retry_after_is_honoured(hooks: Hooks, receiver: Receiver) -> None:
    delivery = await hooks.ping((await hooks.add(receiver.url)).id)

    async def pause() -> float:
        seconds: float = await hooks.pipeline.value(
            "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM webhook_deliveries WHERE id = $1",
            delivery.id,
        )
        return seconds

    async with hooks.sending() as sending:
        receiver.answers["/"] = [503]
        await sending.turn()
        assert 90 < await pause() <= 100
        await hooks.make_due()
        receiver.answers["/"] = lambda _: web.Response(status=429, headers={"Retry-After": "700"})
        await sending.turn()
        assert 690 < await pause() <= 700


async def test_after_its_last_try_a_delivery_is_dead_and_shown(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers["/"] = [500] * 3
    webhook = await hooks.add(receiver.url)
    delivery = await hooks.ping(webhook.id)
    async with hooks.sending() as sending:
        for _ in range(5):
            await hooks.make_due()
            await sending.turn()
        assert len(receiver.messages) == 3
        found = await hooks.get(delivery)
        assert (found.status, found.attempts, found.next_attempt_at) == ("dead", 3, None)
        dead = await hooks.store.deliveries(CALLER.tenant_id, webhook.id, "dead", Slice(10, 0))
        assert [one.id for one in dead.items] == [delivery.id]
        again = await hooks.store.redeliver(caller=CALLER, webhook_id=webhook.id, delivery_id=delivery.id)
        assert (again.status, again.attempts, again.redeliveries) == ("waiting", 0, 1)
        await sending.turn()
    assert receiver.messages[-1].id == str(delivery.id)
    found = await hooks.get(delivery)
    assert (found.status, len(found.tries)) == ("delivered", 4)


async def test_a_redirect_is_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers["/"] = lambda _: web.Response(
        status=302, headers={"Location": f"{receiver.url}/elsewhere"}
    )
    found = await refused(hooks, receiver.url)
    assert (last(found)["error_code"], last(found)["http_status"]) == ("redirected", 302)
    assert receiver.of("/elsewhere") == []


async def test_a_refused_connection(hooks: Hooks) -> None:
    async with receiving() as closed:
        pass
    found = await refused(hooks, closed.url)
    assert (last(found)["error_code"], last(found)["http_status"]) == ("unreachable", None)


async def test_a_receiver_that_closes_without_an_answer(hooks: Hooks) -> None:
    async with saying(b"").serving() as url:
        assert last(await refused(hooks, url))["error_code"] == "unreachable"


async def test_a_receiver_that_says_something_else_than_http(hooks: Hooks) -> None:
    async with saying(b"\x00\xff nonsense\r\n\r\n").serving() as url:
        assert last(await refused(hooks, url))["error_code"] == "unreachable"


async def test_a_receiver_that_never_answers(hooks: Hooks) -> None:
    async with saying(keep_open=True).serving() as url:
        found = await refused(hooks, url, timeout_seconds=0.3)
    assert last(found)["error_code"] == "timeout"
    assert 250 < last(found)["duration_ms"] < 3000


@pytest.mark.parametrize("status", [b"200 OK", b"500 No"])
async def test_an_answer_without_end_is_read_no_further_than_it_takes(hooks: Hooks, status: bytes) -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"\x00\xff<b>" * 1000)
            written += 5000
            await writer.drain()

    webhook_delivery = None
    async with RawServer(endless).serving() as url:
        webhook = await hooks.add(url)
        webhook_delivery = await hooks.ping(webhook.id)
        async with hooks.sending() as sending:
            await sending.turn()
    found = await hooks.get(webhook_delivery)
    assert last(found)["http_status"] == int(status[:3])
    assert written < 50_000_000
    if status.startswith(b"500"):
        assert len(last(found)["response"]) <= 500
        assert "\x00" not in last(found)["response"]


async def test_an_answer_that_trickles_costs_no_more_than_its_time(hooks: Hooks) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\nbeginning")
        await reader.read()

    async with RawServer(trickle).serving() as url:
        found = await refused(hooks, url, timeout_seconds=1.0)
    assert (last(found)["error_code"], last(found)["response"]) == ("http_error", "beginning")


async def test_certificates_are_verified(hooks: Hooks, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with receiving(tls=authority.serving("127.0.0.1")) as good:
        delivery = await hooks.ping((await hooks.add(good.url)).id)
        async with hooks.sending(tls=authority.trusting()) as sending:
            await sending.turn()
        assert (await hooks.get(delivery)).status == "delivered"
        assert last(await refused(hooks, good.url))["error_code"] == "tls_error"  # nobody knows the authority
    for wrong in (authority.serving("127.0.0.9"), authority.serving("127.0.0.1", days_left=-1)):
        async with receiving(tls=wrong) as server:
            found = await refused(hooks, server.url, tls=authority.trusting())
            assert last(found)["error_code"] == "tls_error"
            assert server.messages == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],
)
async def test_a_private_address_is_refused_in_any_spelling(
    hooks: Hooks, receiver: Receiver, host: str
) -> None:
    port = receiver.url.rpartition(":")[2]
    found = await refused(hooks, f"http://{host}:{port}", allow="127.0.0.2/32")
    assert last(found)["error_code"] == "blocked_address"
    assert receiver.messages == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_to_a_private_address_is_refused(
    hooks: Hooks, receiver: Receiver, address: str
) -> None:
    port = receiver.url.rpartition(":")[2]
    found = await refused(
        hooks, f"http://hooks.test:{port}", allow="127.0.0.2/32", names=Names(hooks=[address])
    )
    assert last(found)["error_code"] == "blocked_address"
    assert receiver.messages == []


async def test_a_name_that_changes_its_address_gains_nothing(hooks: Hooks, receiver: Receiver) -> None:
    """DNS rebinding: each connection goes to the address that was judged for it."""
    async with receiving("127.0.0.2") as public:
        inside, port = receiver.url.rpartition(":")[2], public.url.rpartition(":")[2]
        names = Names(hooks=["127.0.0.2"])
        webhook = await hooks.add(f"http://hooks.test:{port}")
        delivery = await hooks.ping(webhook.id)
        async with hooks.sending(allow="127.0.0.2/32", names=names) as sending:
            await sending.turn()
            assert (await hooks.get(delivery)).status == "delivered"
            # From now on the name leads inside: nothing of the first time is used again.
            names.names = {"hooks": ["127.0.0.1"]}
            await hooks.store.change(
                caller=CALLER,
                webhook_id=webhook.id,
                wish=WebhookWish(url=f"http://hooks.test:{inside}/", host=f"http://hooks.test:{inside}"),
            )
            second = await hooks.ping(webhook.id)
            await sending.turn()
            assert last(await hooks.get(second))["error_code"] == "blocked_address"
            # Of several addresses the judged ones alone are connected to.
            names.names = {"hooks": ["127.0.0.1", "127.0.0.2"]}
            await hooks.make_due()
            await sending.turn()
            assert last(await hooks.get(second))["error_code"] == "unreachable"
        assert len(names.asked) == 3
    assert receiver.messages == []


async def test_whoever_says_410_is_paused_at_once(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers["/"] = [410]
    webhook = await hooks.add(receiver.url)
    await hooks.ping(webhook.id)
    await hooks.ping(webhook.id)
    async with hooks.sending(limits=SendingLimits(per_host=1, per_tenant=1, in_all=1, seconds=60)) as sending:
        await sending.turn()
        await hooks.make_due()
        assert await sending.turn() == 0
        assert len(receiver.messages) == 1
        found = await hooks.store.get(CALLER.tenant_id, webhook.id)
        assert found.paused_reason == "gone"
        with pytest.raises(WebhookInactiveError):
            await hooks.ping(webhook.id)
        changed = await hooks.store.change(
            caller=CALLER, webhook_id=webhook.id, wish=WebhookWish(active=True)
        )
        assert (changed.paused_at, changed.paused_reason, changed.failing_since) == (None, None, None)
        await sending.turn()
        assert len(receiver.messages) == 3
    audited = await hooks.pipeline.rows("SELECT actor, detail FROM audit_log WHERE action = 'webhook.pause'")
    assert [(row["actor"], row["detail"]) for row in audited] == [("janitor", {"reason": "gone"})]


async def test_whoever_fails_for_long_is_paused(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers["/"] = [500] * 9
    webhook = await hooks.add(receiver.url)
    await hooks.ping(webhook.id)
    async with hooks.sending(pause_after_seconds=1000) as sending:
        await sending.turn()
        assert (await hooks.store.get(CALLER.tenant_id, webhook.id)).paused_at is None
        await hooks.pipeline.rows("UPDATE webhooks SET failing_since = now() - interval '1001 seconds'")
        await hooks.make_due()
        await sending.turn()
    found = await hooks.store.get(CALLER.tenant_id, webhook.id)
    assert found.paused_reason == "failing"
    assert found.paused_at is not None


async def test_what_was_sent_and_not_noted_is_sent_again_with_the_same_id(
    hooks: Hooks, receiver: Receiver
) -> None:
    delivery = await hooks.ping((await hooks.add(receiver.url)).id)
    async with hooks.sending() as sending, hooks.sending() as other:

        async def lost(*_: object) -> bool:
            raise PostgresUnavailableError(OSError())

        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(hooks.rows, "note_delivered", lost)
            await sending.turn()
        assert (await hooks.get(delivery)).status == "sending"
        assert await other.turn() == 0  # the lease holds
        await hooks.make_due()
        assert await other.turn() == 1
    assert [message.id for message in receiver.messages] == [str(delivery.id)] * 2
    found = await hooks.get(delivery)
    assert (found.status, found.attempts) == ("delivered", 1)


async def test_whoever_lost_its_lease_notes_nothing(hooks: Hooks, receiver: Receiver) -> None:
    delivery = await hooks.ping((await hooks.add(receiver.url)).id)
    (first,) = await hooks.rows.claim(LIMITS)
    await hooks.make_due()
    (second,) = await hooks.rows.claim(LIMITS)
    assert not await hooks.rows.note_delivered(first, {})
    assert (await hooks.get(delivery)).status == "sending"
    assert await hooks.rows.note_delivered(second, {})
    assert (await hooks.get(delivery)).status == "delivered"
    assert receiver.messages == []


async def test_two_that_claim_at_once_send_each_delivery_once(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(receiver.url)
    sent = {str((await hooks.ping(webhook.id)).id) for _ in range(12)}
    async with hooks.sending() as one, hooks.sending() as other:
        while sum(await asyncio.gather(one.turn(), other.turn())):
            pass
    assert sorted(message.id for message in receiver.messages) == sorted(sent)


async def test_a_slow_receiver_delays_no_other_and_no_host_gets_more_than_its_share(hooks: Hooks) -> None:
    async with receiving() as slow, receiving("127.0.0.2") as quick:
        slow.held["/"] = asyncio.Event()
        slow_hook, quick_hook = await hooks.add(slow.url), await hooks.add(quick.url)
        for _ in range(20):
            await hooks.ping(slow_hook.id)
        async with hooks.sending(timeout_seconds=20) as sending:
            assert await sending.task.run_once() == {"begun": LIMITS.per_host}
            await slow.got(LIMITS.per_host)
            # The turn is over although nothing has answered; what comes now for others goes at once.
            delivery = await hooks.ping(quick_hook.id)
            assert await sending.task.run_once() == {"begun": 1}
            await quick.got(1, seconds=5)

            async def noted() -> bool:
                return (await hooks.get(delivery)).status == "delivered"

            await until(noted, "the quick one is noted", seconds=5)
            assert len(slow.messages) == slow.at_once["/"] == LIMITS.per_host
            slow.held["/"].set()

            async def all_sent() -> bool:
                await sending.turn()
                return len(slow.messages) == 20

            await until(all_sent, "the slow one got all of its messages")
        assert slow.at_once["/"] <= LIMITS.per_host


async def test_one_tenant_leaves_room_for_others(hooks: Hooks) -> None:
    stranger = new_id()
    await hooks.pipeline.rows("INSERT INTO tenants (id, slug, name) VALUES ($1, 'other', 'Other')", stranger)
    for host in range(2, 8):
        webhook = await hooks.add(f"http://127.0.0.{host}/")
        for _ in range(4):
            await hooks.ping(webhook.id)
    limits = SendingLimits(per_host=2, per_tenant=5, in_all=6, seconds=60)
    claimed = await hooks.rows.claim(limits)
    assert len(claimed) == 5
    hosts = [one.url for one in claimed]
    assert max(hosts.count(host) for host in hosts) == 2
    await hooks.pipeline.rows(
        "UPDATE webhooks SET tenant_id = $1 WHERE id = $2",
        stranger,
        (await hooks.add("http://127.0.0.9/")).id,
    )
    await hooks.pipeline.rows(
        "INSERT INTO webhook_deliveries (tenant_id, webhook_id, event, payload)"
        " SELECT tenant_id, id, 'webhook.ping', '{}' FROM webhooks WHERE tenant_id = $1",
        stranger,
    )
    (other,) = await hooks.rows.claim(limits)
    assert other.tenant_id == stranger
    assert await hooks.rows.claim(limits) == []  # six are under way


async def test_a_stop_hands_back_what_is_under_way(hooks: Hooks, receiver: Receiver) -> None:
    receiver.held["/"] = asyncio.Event()
    delivery = await hooks.ping((await hooks.add(receiver.url)).id)
    async with hooks.sending() as sending:
        await sending.task.run_once()
        await receiver.got(1)
    found = await hooks.get(delivery)
    assert (found.status, found.attempts) == ("waiting", 0)
    async with hooks.sending() as sending:
        receiver.held["/"].set()
        await sending.turn()
    assert [message.id for message in receiver.messages] == [str(delivery.id)] * 2


async def test_while_a_secret_is_replaced_both_sign(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(receiver.url)
    before, after = hooks.secrets[webhook.id], new_webhook_secret()
    sealed = hooks.sealer.seal(after, about=str(webhook.id))
    for _ in range(2):  # the same request for a second time, as after a lost answer, changes nothing
        await hooks.store.set_secret(
            caller=CALLER, webhook_id=webhook.id, secret=sealed, overlap_seconds=60.0
        )
    row = await hooks.store.get(CALLER.tenant_id, webhook.id)
    assert row.previous_secret_until is not None
    await hooks.ping(webhook.id)
    async with hooks.sending() as sending:
        await sending.turn()
        await hooks.pipeline.rows("UPDATE webhooks SET previous_secret_until = now()")
        await hooks.ping(webhook.id)
        await sending.turn()
    first, second = receiver.messages
    assert first.is_signed_by(before)
    assert first.is_signed_by(after)
    assert not second.is_signed_by(before)
    assert second.is_signed_by(after)


async def test_a_secret_that_nobody_can_read_sends_nothing(hooks: Hooks, receiver: Receiver) -> None:
    found = await refused(hooks, receiver.url, sealer=Sealer(["another key, of 32 characters or more"]))
    assert last(found)["error_code"] == "secret_unreadable"
    assert receiver.messages == []


async def test_a_deleted_webhook_gets_nothing_and_is_forgotten(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(receiver.url)
    await hooks.ping(webhook.id)
    await hooks.ping(webhook.id)
    await hooks.store.remove(caller=CALLER, webhook_id=webhook.id)
    async with hooks.sending() as sending:
        assert await sending.turn() == 0
    assert bytes(await hooks.pipeline.value("SELECT secret FROM webhooks")) == b""
    forget = ForgetDeliveries(rows=hooks.rows, after_seconds=3600, at_once=1, slices=5)
    assert await forget.run_once() == {"deliveries": 2}
    assert await hooks.pipeline.value("SELECT count(*) FROM webhooks") == 0


async def test_old_deliveries_are_forgotten_whatever_became_of_them(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(receiver.url)
    old, young = await hooks.ping(webhook.id), await hooks.ping(webhook.id)
    await hooks.pipeline.rows(
        "UPDATE webhook_deliveries SET created_at = now() - interval '2 hours' WHERE id = $1", old.id
    )
    assert (await hooks.rows.figures()).waiting == 2
    assert await hooks.rows.forget(after_seconds=3600, at_most=10) == 1
    kept = await hooks.store.deliveries(CALLER.tenant_id, webhook.id, None, Slice(10, 0))
    assert [one.id for one in kept.items] == [young.id]
    assert receiver.messages == []


async def test_what_is_being_sent_is_not_redelivered(hooks: Hooks, receiver: Receiver) -> None:
    webhook = await hooks.add(receiver.url)
    delivery = await hooks.ping(webhook.id)
    await hooks.rows.claim(LIMITS)
    with pytest.raises(DeliveryInFlightError):
        await hooks.store.redeliver(caller=CALLER, webhook_id=webhook.id, delivery_id=delivery.id)
    assert receiver.messages == []


async def test_the_latest_tries_are_kept(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers["/"] = [500] * 30
    delivery = await hooks.ping((await hooks.add(receiver.url)).id)
    many = RetryLimits(max_attempts=99, base_seconds=1, max_seconds=1)
    async with hooks.sending(retries=many) as sending:
        for _ in range(23):
            await hooks.make_due()
            await sending.turn()
    found = await hooks.get(delivery)
    assert (found.attempts, len(found.tries)) == (23, 20)


async def test_looking_for_what_is_due_reads_no_more_than_that(hooks: Hooks) -> None:
    """By indexes, with the policies of the services' role: neither what was delivered nor a paused backlog is read."""
    webhook = await hooks.add("https://hooks.test/")
    backlog = await hooks.add("https://backlog.test/")
    await hooks.pipeline.rows(
        "UPDATE webhooks SET paused_at = now(), paused_reason = 'failing' WHERE id = $1", backlog.id
    )
    await hooks.pipeline.rows(
        """INSERT INTO webhook_deliveries (tenant_id, webhook_id, event, payload, state, next_attempt_at, finished_at)
        SELECT $1, CASE n % 2 WHEN 0 THEN $2::uuid ELSE $3::uuid END, 'webhook.ping', '{}',
            CASE n % 2 WHEN 0 THEN 'delivered' ELSE 'waiting' END, CASE n % 2 WHEN 1 THEN now() END,
            CASE n % 2 WHEN 0 THEN now() END
        FROM generate_series(1, 40000) n""",
        CALLER.tenant_id,
        webhook.id,
        backlog.id,
    )
    for _ in range(3):
        await hooks.ping(webhook.id)
    async with hooks.pipeline.database.transaction() as connection:
        await connection.execute(queries("webhook_deliveries")["by_index"])
        explained = await connection.fetch(
            f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {queries('webhook_deliveries')['due']}", 8, 16, 64
        )
    plan = "\n".join(row[0] for row in explained)
    assert "Seq Scan on webhook_deliveries" not in plan, plan
    assert "webhook_deliveries_waiting" in plan
    buffers = re.search(r"shared hit=(\d+)", plan)
    assert buffers is not None
    assert int(buffers[1]) < 1000, plan
    assert len(await hooks.rows.claim(LIMITS)) == 3
