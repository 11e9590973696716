"""What a Compose file must keep: pure checks that give complaints, so that tests can also see them complain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Compose = dict[str, Any]

VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(:[-?])?([^}]*)\}")
SECRET_NAME = re.compile(r"PASSWORD|KEY|SECRET|TOKEN")
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$")
HEALTHY, COMPLETED = "service_healthy", "service_completed_successfully"


def references(compose: Compose, folder: Path) -> Iterator[str]:
    """Names of services, volumes, networks and files that lead nowhere, or are never used."""
    services = compose["services"]
    used: dict[str, set[str]] = {"volumes": set(), "networks": set()}
    for name, service in services.items():
        yield from _dependencies(name, service, services)
        used["volumes"] |= {volume.split(":")[0] for volume in service.get("volumes", [])}
        used["networks"] |= set(service.get("networks", []))
        if not service.get("networks"):
            yield f"{name} is in the default network"
        for path in service.get("env_file", []):
            if not (folder / path).is_file():
                yield f"{name} reads {path}, which is not there"
    for kind, names in used.items():
        declared = set(compose.get(kind, {}))
        yield from (f"{kind}: {name} is not declared" for name in sorted(names - declared))
        yield from (f"{kind}: {name} is never used" for name in sorted(declared - names))


def _dependencies(name: str, service: Compose, services: Compose) -> Iterator[str]:
    for other, needed in service.get("depends_on", {}).items():
        target = services.get(other)
        if target is None:
            yield f"{name} waits for {other}, which is not there"
        elif needed["condition"] == HEALTHY and "test" not in target.get("healthcheck", {}):
            yield f"{name} waits for {other} to be healthy, which has no check"
        elif needed["condition"] == COMPLETED and target.get("restart") not in {"no", "on-failure"}:
            yield f"{name} waits for {other} to end, which is started again"
        if target is not None and set(target.get("profiles", [])) - set(service.get("profiles", [])):
            yield f"{name} waits for {other}, which is in another profile"


def images(compose: Compose) -> Iterator[str]:
    """Images that may change without notice."""
    for name, service in compose["services"].items():
        image = VARIABLE.sub(lambda match: match[3], service["image"])
        if not PINNED.match(image):
            yield f"{name} runs {image}, whose tag is not pinned"


def published(compose: Compose, allowed: frozenset[str]) -> Iterator[str]:
    """Ports that can be reached from outside though they should not."""
    for name, service in compose["services"].items():
        if name not in allowed and (service.get("ports") or service.get("network_mode")):
            yield f"{name} is published"
        for port in service.get("ports", []):
            if not isinstance(port, dict) or "127.0.0.1" not in str(port.get("host_ip", "")):
                yield f"{name} is published on every interface"
    if not compose["networks"].get("backend", {}).get("internal"):
        yield "the servers' network leads outside"


def variables(compose: Compose) -> dict[str, set[str]]:
    """Every variable of the interpolation, with its operators (``:?``, ``:-`` or none)."""
    found: dict[str, set[str]] = {}
    for text in _texts(compose):
        for name, operator, _rest in VARIABLE.findall(text):
            found.setdefault(name, set()).add(operator)
    return found


def secrets(compose: Compose) -> Iterator[str]:
    """Secrets that have a default, or stand in the file."""
    for name, operators in variables(compose).items():
        if SECRET_NAME.search(name) and operators != {":?"}:
            yield f"{name} has a default"
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable) and re.search(r"PASSWORD|_KEY$|ALLOWED_KEYS", variable):
                if not VARIABLE.fullmatch(str(value)):
                    yield f"{name} has {variable} in the file"
            elif re.search(r"://[^:/@]+:[^$@]+@", str(value)):
                yield f"{name} has the password of {variable} in the file"


def confined(compose: Compose) -> Iterator[str]:
    """Containers that may do more than they need."""
    for name, service in compose["services"].items():
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} may gain privileges"
        if service.get("privileged") or service.get("cap_add"):
            yield f"{name} has privileges"
        if service.get("restart") not in {"unless-stopped", "on-failure"}:
            yield f"{name} is not started again"
        if not service.get("logging", {}).get("options", {}).get("max-size"):
            yield f"{name} logs without limit"
        if service["image"].startswith("quern:") and not (
            service.get("read_only") and service.get("cap_drop") == ["ALL"] and service.get("init")
        ):
            yield f"{name} is not confined"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
