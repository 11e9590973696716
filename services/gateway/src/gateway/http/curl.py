"""How an operation is tried from a shell."""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

_HOST: Final = "http://127.0.0.1:8000"


def curl(path: str, method: str, operation: dict[str, Any]) -> str:
    """A command that sends the operation's example request."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    parts = ["curl" if method == "GET" else f"curl -X {method}", shlex.quote(_HOST + path)]
    if operation.get("security") != []:
        parts.append('-H "Authorization: Bearer $QUERN_TOKEN"')
    parts += _body(operation)
    return " \\\n  ".join(parts)


def _body(operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        example = json.dumps(content["application/json"].get("example"))
        return ["-H 'Content-Type: application/json'", f"-d {shlex.quote(example)}"]
    fields = content.get("multipart/form-data", {}).get("example", {})
    return [
        f"-F {shlex.quote(f'{name}=@{value}' if name == 'file' else f'{name}={value}')}"
        for name, value in fields.items()
    ]
