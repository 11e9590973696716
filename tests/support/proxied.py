"""A stack whose services reach every server through a proxy that the test holds in its hand."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self
from unittest import mock
from urllib.parse import urlsplit

from native import nsq, services
from native.ports import Offset
from support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from native.ports import Ports
    from native.process import ProcessSpec
    from support.stacks import StackUnderTest

#: What services connect to, by name.
DOORS: Final = {
    "postgres": Offset.POSTGRES,
    "nsqd": Offset.NSQD_TCP,
    "nsqd_http": Offset.NSQD_HTTP,
    "nsqlookupd": Offset.NSQLOOKUPD_HTTP,
    "weaviate": Offset.WEAVIATE_HTTP,
    "weaviate_grpc": Offset.WEAVIATE_GRPC,
}


class Network:
    """The proxies before the servers of one stack.

    Args:
        stack: not up yet.
    """

    def __init__(self, stack: StackUnderTest) -> None:
        ports = stack.settings.ports
        self.doors = {name: TcpProxy(target=ports.local(offset)) for name, offset in DOORS.items()}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for door in self.doors.values():
            self._open.enter_context(door)
        self._open.enter_context(
            mock.patch.object(services, "environment", self._environment(services.environment))
        )
        self._open.enter_context(mock.patch.object(nsq, "nsqd", self._nsqd(nsq.nsqd)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __getitem__(self, name: str) -> TcpProxy:
        return self.doors[name]

    def heal(self) -> None:
        """Everything passes again."""
        for door in self.doors.values():
            door.heal()

    def _environment(self, real: Any) -> Any:
        def environment(*arguments: object) -> dict[str, str]:
            made: dict[str, str] = real(*arguments)
            url = urlsplit(made["QUERN_DATABASE_URL"])
            login = url.netloc.rpartition("@")[0]
            return {
                **made,
                "QUERN_DATABASE_URL": url._replace(netloc=f"{login}@{self['postgres'].address}").geturl(),
                "QUERN_NSQD_TCP": self["nsqd"].address,
                "QUERN_NSQD_HTTP": f"http://{self['nsqd_http'].address}",
                "QUERN_NSQLOOKUPD_HTTP": f"http://{self['nsqlookupd'].address}",
                "QUERN_WEAVIATE_URL": f"http://{self['weaviate'].address}",
                "QUERN_WEAVIATE_GRPC": self["weaviate_grpc"].address,
            }

        return environment

    def _nsqd(self, real: Any) -> Any:
        def nsqd(layout: Any, ports: Ports, binaries: Any) -> ProcessSpec:
            spec: ProcessSpec = real(layout, ports, binaries)
            # Where nsqlookupd sends consumers, who would otherwise go past the proxy.
            port = self["nsqd"].address.rpartition(":")[2]
            return replace(spec, argv=(*spec.argv, f"--broadcast-tcp-port={port}"))

        return nsqd
