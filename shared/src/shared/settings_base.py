"""What every group of settings is made of: the base class, the value types, and defaults that follow others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, TypeAdapter
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable

ENV_PREFIX = "QUERN_"

_http_url = TypeAdapter(HttpUrl)


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_host_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004  (the range of TCP ports)
        raise ValueError(f"expected host:port, not {value!r}")
    return value


def _check_base_url(value: str) -> str:
    _http_url.validate_python(value)
    return value.rstrip("/")


def derived(rule: Callable[[dict[str, float]], float], words: str, description: str) -> Any:
    """A setting that follows another one until it is set itself, so that changing the one is enough."""
    return Field(default_factory=rule, description=description, json_schema_extra={"default": words})


HostPort = Annotated[str, AfterValidator(_check_host_port)]
"""``host:port``; an IPv6 address without brackets is fine, the last colon counts."""

BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
"""An http(s) URL without a trailing slash."""

CommaSeparated = NoDecode
"""A list is written ``a,b,c``."""

HostPorts = Annotated[tuple[HostPort, ...], CommaSeparated, BeforeValidator(_split_commas)]
BaseUrls = Annotated[tuple[BaseUrl, ...], CommaSeparated, BeforeValidator(_split_commas)]
Words = Annotated[tuple[str, ...], CommaSeparated, BeforeValidator(_split_commas)]
Port = Annotated[int, Field(ge=0, le=65535)]


def split_host_port(value: str) -> tuple[str, int]:
    """Take a :data:`HostPort` apart."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


class Settings(BaseSettings):
    """Base of every group: read from the environment, frozen, and silent about the values of what is wrong."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="ignore",
        validate_default=True,
        hide_input_in_errors=True,
    )

    def require(self, name: str, relation: Callable[[float, float], bool], other: str, because: str) -> None:
        """Refuse two settings that contradict each other.

        Raises:
            ValueError: with both settings, both numbers and the reason.
        """
        value, limit = getattr(self, name), getattr(self, other)
        if not relation(value, limit):
            raise ValueError(
                f"{_variable(name)}={value:g} does not go with {_variable(other)}={limit:g}: {because}"
            )


def _variable(name: str) -> str:
    return ENV_PREFIX + name.upper()
