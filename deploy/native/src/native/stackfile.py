"""stack.json: where everything of the running stack is, for tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from native import postgres
from native.files import write_private
from native.ports import Offset

if TYPE_CHECKING:
    from pathlib import Path

    from native.config import NativeSettings
    from native.credentials import Credentials


class RunningProcess(BaseModel):
    """A process that has a pid now."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    admin_port: int | None = None
    log: str


class StackFile(BaseModel):
    """The content of stack.json."""

    model_config = ConfigDict(frozen=True)

    gateway_url: str
    database_url: str
    nsqd_http: str
    nsqd_tcp: str
    nsqlookupd_http: str
    nsqadmin_url: str
    weaviate_url: str
    weaviate_grpc: str
    weaviate_api_key: str
    processes: tuple[RunningProcess, ...] = ()

    @classmethod
    def of(cls, settings: NativeSettings, credentials: Credentials) -> StackFile:
        """The addresses of a stack in which nothing runs yet."""
        ports = settings.ports
        return cls(
            gateway_url=f"http://127.0.0.1:{ports.http}",
            database_url=postgres.url(postgres.OWNER, credentials.postgres_owner, ports),
            nsqd_http=f"http://{ports.local(Offset.NSQD_HTTP)}",
            nsqd_tcp=ports.local(Offset.NSQD_TCP),
            nsqlookupd_http=f"http://{ports.local(Offset.NSQLOOKUPD_HTTP)}",
            nsqadmin_url=f"http://{ports.local(Offset.NSQADMIN)}",
            weaviate_url=f"http://{ports.local(Offset.WEAVIATE_HTTP)}",
            weaviate_grpc=ports.local(Offset.WEAVIATE_GRPC),
            weaviate_api_key=credentials.weaviate_api_key,
        )

    def with_processes(self, processes: tuple[RunningProcess, ...]) -> StackFile:
        """The same addresses with other processes."""
        return self.model_copy(update={"processes": processes})

    def write(self, path: Path) -> None:
        """Replace stack.json atomically, readable by its owner only."""
        write_private(path, json.dumps(self.model_dump(mode="json", exclude_none=True), indent=2) + "\n")


def read(path: Path) -> StackFile | None:
    """What stack.json says, or None where no stack ever ran."""
    try:
        return StackFile.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
