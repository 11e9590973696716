from __future__ import annotations

import socket

import pytest

from native.errors import PortInUseError
from native.ports import BLOCK, MAX_CONSUMERS, MAX_WORKERS, USED, Offset, Ports, is_free, refuse_taken


def test_largest_stack_fits_its_block_without_sharing_a_port() -> None:
    ports = Ports(base=20000, http=8000)
    copies = {Offset.WORKER_ADMIN: MAX_WORKERS, Offset.CONSUMER_ADMIN: MAX_CONSUMERS}
    all_ports = [ports.at(offset, index) for offset in Offset for index in range(copies.get(offset, 1))]
    assert len(set(all_ports)) == len(all_ports)
    assert max(all_ports) == ports.base + USED - 1
    assert USED < BLOCK


def test_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortInUseError, match=rf"Port {port} \(gateway, set by QUERN_HTTP_PORT\)"):
            refuse_taken(Ports(base=1024, http=port), workers=0, consumers=0)


def test_copies_of_a_service_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = Ports(base=20000, http=8000)
    taken = ports.at(Offset.WORKER_ADMIN, 2)
    monkeypatch.setattr("native.ports.is_free", lambda port, **_: port != taken)
    refuse_taken(ports, workers=2, consumers=1)
    with pytest.raises(PortInUseError, match=rf"Port {taken} \(worker admin, QUERN_BASE_PORT 20000 \+ 52\)"):
        refuse_taken(ports, workers=3, consumers=1)
