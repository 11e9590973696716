"""Names of blobs: what people call their files, made safe; and URIs, taken apart without trust. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Self
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from shared.content import clean_text

PARTIAL = ".partial"
"""The file of an upload that is still running; :func:`safe_name` gives no name with a leading dot."""

_LONGEST_NAME_BYTES = 200  # file systems allow 255; some room is left for tools that append to a name
_LONGEST_SUFFIX_BYTES = 20
_SEPARATORS = re.compile(r"[/\\]")
_RESERVED = re.compile(r'[<>:"|?*]')
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")


def safe_name(original: str) -> str:
    """The file name as given, as far as any file system, shell and URI can bear it. Idempotent.

    Only the last part of a path counts. Control and formatting characters are dropped (among them those that
    reverse the direction of writing), what Windows reserves becomes ``_``, and at most 200 bytes of UTF-8
    are kept, with the suffix. Nothing left gives ``file``.
    """
    name = _SEPARATORS.split(clean_text(original))[-1]
    name = "".join(" " if char.isspace() else char for char in name if not _is_invisible(char))
    name = unicodedata.normalize("NFC", name)
    name = _RESERVED.sub("_", name).strip(" ").rstrip(". ")
    if name.startswith(".") or _DEVICES.match(name):
        name = "_" + name.lstrip(".")
    return _shortened(name) or "file"


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char).startswith("C") and not char.isspace()


def _shortened(name: str) -> str:
    if len(name.encode()) <= _LONGEST_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > _LONGEST_SUFFIX_BYTES:
        suffix = ""
    room = _LONGEST_NAME_BYTES - len(suffix.encode())
    stem = name.removesuffix(suffix).encode()[:room].decode("utf-8", "ignore")
    return unicodedata.normalize("NFC", stem).rstrip(". ") + suffix


@dataclass(frozen=True, slots=True)
class BlobKey:
    """Which blob: one file for each run of a tenant."""

    tenant_id: UUID
    run_id: UUID
    name: str

    @property
    def relative(self) -> PurePosixPath:
        """``<tenant_id>/<run_id>/<name>``, below the store's root."""
        return PurePosixPath(str(self.tenant_id), str(self.run_id), self.name)

    @classmethod
    def from_uri(cls, uri: str) -> Self:
        """Take a ``file:`` URI (RFC 8089) apart; its last three parts count, so that a store can be moved.

        Raises:
            ValueError: it is not such a URI, or its name is not one that :func:`safe_name` gives.
        """
        parts = urlsplit(uri)
        segments = parts.path.split("/")
        if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment or len(segments) < 4:  # noqa: PLR2004  (/tenant/run/name)
            raise ValueError("not a file URI of a blob")
        tenant, run, quoted = segments[-3:]
        name = unquote(quoted, errors="strict")
        if name not in (PARTIAL, safe_name(name)):
            raise ValueError("not the name of a blob")
        return cls(tenant_id=_uuid(tenant), run_id=_uuid(run), name=name)

    def to_uri(self, root: PurePath) -> str:
        """``file://<root>/<tenant_id>/<run_id>/<name>``, percent-encoded; ``root`` is absolute."""
        return "file://" + quote((root / self.relative).as_posix())


def _uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text:  # UUID() takes other spellings as well, and one blob has one path
        raise ValueError("not a canonical UUID")
    return value
