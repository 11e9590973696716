"""From bytes to text, whatever they were written in."""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""",
    re.IGNORECASE,
)
_META_BYTES = 2048
_SAMPLE_BYTES = 65_536


def decode(data: bytes, *, declared: str | None = None, html: bool = False) -> str:
    """Decode a document.

    The order: a byte order mark; UTF-8, where the bytes hold valid non-ASCII UTF-8 (text in another encoding hardly
    ever looks like that, and headers are often wrong); the header's charset; an HTML meta element (WHATWG Encoding
    labels); then what the bytes look like. What cannot be decoded becomes U+FFFD.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    labels = [declared, _meta_charset(data) if html else None]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_encoding(labels, data), "replace")
    if text.isascii() and (stateful := _stateful(labels)):
        return data.decode(stateful, "replace")
    return text


def guess_encoding(sample: bytes) -> str:
    """The encoding of a file of which only a sample is at hand; a cut character at its end does no harm."""
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return "utf-8-sig" if encoding == "utf-8" else "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _encoding([], sample)
    return "utf-8"


def _meta_charset(data: bytes) -> str | None:
    match = _META.search(data, 0, _META_BYTES)
    return match.group(1).decode("ascii") if match else None


def _encoding(labels: list[str | None], data: bytes) -> str:
    for label in labels:
        if label and (known := _known(label)) and known != "utf-8":
            return known
    return _known(detect_encoding(data[:_SAMPLE_BYTES]) or "") or "cp1252"


def _stateful(labels: list[str | None]) -> str | None:
    """A declared encoding whose text is ASCII bytes but not ASCII text (ISO-2022-JP); UTF-16 without a mark is not believed."""
    for label in labels:
        if label and label.lower().startswith("iso-2022"):
            return _known(label)
    return None


def _known(label: str) -> str | None:
    name = map_encoding_to_html5(label.strip(), fallback_utf8=False)
    if name is None:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:  # a label that Python has no codec for
        return None
