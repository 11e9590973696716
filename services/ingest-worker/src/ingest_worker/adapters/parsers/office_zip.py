"""Office files are zip archives: what must hold before anything unpacks them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from ingest_worker.adapters.parsers.source import corrupt, encrypted, open_binary, read_head, too_large

if TYPE_CHECKING:
    from ingest_worker.core.parse_request import ParseRequest, ParserLimits

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Compound File Binary (MS-CFB 2.2): old Office files, and the wrapping of encrypted new ones."""

ZIP_MAGIC = b"PK\x03\x04"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_SEARCHED_BYTES = 4 << 20
_MAX_MEMBERS = 20_000


def check_package(request: ParseRequest, *, what: str, member: str) -> None:
    """Look at an Office file before a library opens it; only its directory is read.

    Args:
        request: the file.
        what: its format, for people.
        member: a part that every file of the format has.

    Raises:
        WorkError: ``encrypted``, ``corrupt_file``, ``too_large`` (it would unpack to too much: a zip bomb, or a file
            that the machine cannot hold).
    """
    head = read_head(request)
    if head.startswith(OLE_MAGIC):
        raise (
            encrypted(what) if _is_encrypted_package(request) else corrupt(what, "it is an old Office format")
        )
    if not head.startswith(ZIP_MAGIC):
        raise corrupt(what)
    try:
        with open_binary(request) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise corrupt(what) from error
    if not any(info.filename == member for info in members):
        raise corrupt(what, f"it has no {member}")
    if any(info.flag_bits & 1 for info in members):
        raise encrypted(what)
    _check_size(members, request.limits)


def _is_encrypted_package(request: ParseRequest) -> bool:
    """MS-OFFCRYPTO 2.3: an encrypted document has a stream of that name in its directory."""
    with open_binary(request) as file:
        start = file.read(_SEARCHED_BYTES)
        size = file.seek(0, 2)
        file.seek(max(0, size - _SEARCHED_BYTES))
        return _ENCRYPTED_STREAM in start or _ENCRYPTED_STREAM in file.read(_SEARCHED_BYTES)


def _check_size(members: list[zipfile.ZipInfo], limits: ParserLimits) -> None:
    unpacked = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members) or 1
    if unpacked > limits.max_unpacked_bytes or len(members) > _MAX_MEMBERS:
        raise too_large(
            f"The file unpacks to {unpacked >> 20:,} MiB in {len(members):,} parts; "
            f"{limits.max_unpacked_bytes >> 20:,} MiB are allowed."
        )
    if unpacked > limits.unpack_ratio_floor_bytes and unpacked > limits.max_unpack_ratio * packed:
        raise too_large(
            f"The file unpacks to {unpacked // packed:,} times its size, as a zip bomb does; "
            f"{limits.max_unpack_ratio} times are allowed."
        )
