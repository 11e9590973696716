"""Every setting with its default, unit and description: for the documentation and for checking env files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from shared.settings_base import ENV_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo

    from shared.settings_base import Settings

_UNITS = {"seconds": "seconds", "bytes": "bytes", "ms": "milliseconds", "days": "days", "rate": "per second"}


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting as people meet it.

    Attributes:
        variable: the environment variable.
        default: as it would be written there; an empty string for a secret or an empty list.
        derived: the rule in words, where the default follows another setting.
        required: there is no default.
        unit: seconds, bytes, …; an empty string for what has none.
        description: what it means.
        secret: never printed.
    """

    variable: str
    default: str
    derived: str
    required: bool
    unit: str
    description: str
    secret: bool


def collect_settings(*classes: type[Settings]) -> tuple[SettingDoc, ...]:
    """Every setting of these classes once, sorted by variable."""
    docs = {name: _doc(name, info) for cls in classes for name, info in cls.model_fields.items()}
    return tuple(sorted(docs.values(), key=lambda doc: doc.variable))


def unknown_variables(environ: Iterable[str], *classes: type[Settings]) -> tuple[str, ...]:
    """Variables with our prefix that no setting of these classes has: most often a typing error."""
    known = {doc.variable for doc in collect_settings(*classes)}
    return tuple(sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known))


def markdown_table(docs: Iterable[SettingDoc]) -> str:
    """The settings as a table for the documentation."""
    rows = ["| variable | default | unit | meaning |", "|---|---|---|---|"]
    for doc in docs:
        default = (
            "required" if doc.required else doc.derived or (f"`{doc.default}`" if doc.default else "empty")
        )
        rows.append(f"| `{doc.variable}` | {default} | {doc.unit} | {doc.description} |")
    return "\n".join(rows) + "\n"


def _doc(name: str, info: FieldInfo) -> SettingDoc:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return SettingDoc(
        variable=ENV_PREFIX + name.upper(),
        default=_text(info.default),
        derived=str(extra.get("default", "")),
        required=info.is_required(),
        unit=next((unit for suffix, unit in _UNITS.items() if name.endswith("_" + suffix)), ""),
        description=info.description or "",
        secret=info.annotation is SecretStr,
    )


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return str(value)
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return ""
