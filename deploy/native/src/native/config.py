"""The settings of the native stack, read from ``QUERN_…`` variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from native.ports import BLOCK, MAX_CONSUMERS, MAX_WORKERS, USED, Ports

TREE = Path(__file__).resolve().parents[4]
"""The checkout that this package is installed from."""


def default_cache_dir() -> Path:
    """``quern`` in the user's cache folder (XDG Base Directory: a relative XDG_CACHE_HOME is ignored)."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "quern"


def half_of_memory_mib() -> int:
    """Half of the machine's memory in MiB, at least 512."""
    return max(512, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**21)


class NativeSettings(BaseSettings):
    """Where the stack lives, which ports it uses, and how many copies of each service run."""

    model_config = SettingsConfigDict(env_prefix="QUERN_", extra="ignore", frozen=True)

    data_dir: Path = Field(default=TREE / ".quern", description="all state of one stack")
    cache_dir: Path = Field(
        default_factory=default_cache_dir, description="the built servers, shared by stacks"
    )
    http_port: int = Field(default=8000, ge=1, le=65535, description="the gateway's public port")
    base_port: int = Field(default=18100, ge=1024, le=65535 - BLOCK, description="all other ports follow it")
    workers: int = Field(default=2, ge=0, le=MAX_WORKERS, description="copies of ingest-worker")
    consumers: int = Field(default=1, ge=0, le=MAX_CONSUMERS, description="copies of result-consumer")
    start_timeout_seconds: float = Field(
        default=120, gt=0, description="how long each process may take to be ready"
    )
    shutdown_grace_seconds: float = Field(
        default=20,
        gt=0,
        description="how long work under way may take to end once a service is asked to stop",
    )
    weaviate_memory_mib: int = Field(
        default_factory=half_of_memory_mib,
        ge=256,
        description="Weaviate's memory limit (GOMEMLIMIT); near it, Weaviate refuses to store more",
    )

    @model_validator(mode="after")
    def _ports_apart(self) -> Self:
        if self.base_port <= self.http_port < self.base_port + USED:
            message = (
                f"QUERN_HTTP_PORT {self.http_port} lies among the {USED} ports that follow "
                f"QUERN_BASE_PORT {self.base_port}: move one of them."
            )
            raise ValueError(message)
        return self

    @property
    def ports(self) -> Ports:
        """The ports that follow from these settings."""
        return Ports(base=self.base_port, http=self.http_port)
