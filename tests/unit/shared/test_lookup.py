from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shared.net.lookup import SystemLookup

if TYPE_CHECKING:
    from collections.abc import Iterator


class System:
    """Stands for the system's resolver, which blocks its thread."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.go_on = threading.Event()

    def getaddrinfo(self, host: str, *_args: object, **_options: object) -> list[tuple[object, ...]]:
        self.calls[host] += 1
        if host.startswith("slow"):
            assert self.go_on.wait(10)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host.startswith("odd"):
            raise UnicodeError("label too long")
        rows = ["8.8.8.8", "8.8.8.8", "2606:4700::1", "fe80::1%lo"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 0)) for text in rows]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    made = System()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.go_on.set()


@pytest.fixture
def lookup() -> Iterator[SystemLookup]:
    made = SystemLookup(threads=2)
    yield made
    made.close()


async def test_addresses_come_once_each_in_order(system: System, lookup: SystemLookup) -> None:
    assert await lookup("a.example") == [
        ip_address("8.8.8.8"),
        ip_address("2606:4700::1"),
        ip_address("fe80::1%lo"),
    ]


@pytest.mark.parametrize("host", ["unknown.example", "odd.example"])
async def test_a_name_without_addresses_is_an_error_of_the_system(
    system: System, lookup: SystemLookup, host: str
) -> None:
    with pytest.raises(OSError, match=r"not known|too long"):
        await lookup(host)


async def test_one_slow_name_holds_one_thread(system: System, lookup: SystemLookup) -> None:
    slow = [asyncio.create_task(lookup("slow.example")) for _ in range(20)]
    async with asyncio.timeout(5):
        assert await lookup("quick.example")
    assert not any(task.done() for task in slow)
    system.go_on.set()
    async with asyncio.timeout(5):
        assert len(await asyncio.gather(*slow)) == 20
    assert system.calls["slow.example"] == 1


async def test_who_gives_up_takes_nobody_along(system: System, lookup: SystemLookup) -> None:
    impatient = asyncio.create_task(lookup("slow.example"))
    patient = asyncio.create_task(lookup("slow.example"))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    system.go_on.set()
    async with asyncio.timeout(5):
        assert await patient


async def test_a_name_is_looked_up_again_after_it_was_found(system: System, lookup: SystemLookup) -> None:
    await lookup("a.example")
    await lookup("a.example")
    assert system.calls["a.example"] == 2
