"""What a web address is, and when two of them name the same page.

Follows the WHATWG URL standard where people's spelling is read, and RFC 3986, section 6, where two
spellings are made equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, urljoin

import idna

from shared.addresses import ends_in_number, parse_ip_literal
from shared.errors import QuernError

MAX_URL_CHARS = 2048
"""Longest address that is taken, counted in its ASCII form."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535
_MAX_HOST_CHARS = 253

_CONTROLS = "".join(map(chr, range(0x21)))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"(?:(?P<userinfo>.*)@)?(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9._~!$&'()*+,;=:@-]*)*/?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_DOTS = re.compile(r"%2[Ee]")
_DOTTED = re.compile(r"/(?:\.|%2[Ee])")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RESERVED = "!$&'()*+,;=:@/?"  # what RFC 3986 lets stand in a path or query, besides the unreserved

# Parameters that say where a visitor came from, and nothing about the page.
_TRACKING = re.compile(
    r"""(?xi) (?: utm_[^=]* | _ga | _gl | _hsenc | _hsmi | _openstat | dclid | epik | fbclid | gad_source | gbraid
    | gclid | gclsrc | hsctatracking | igsh(?:id)? | li_fat_id | mc_[ce]id | mkt_tok | msclkid | oly_(?:anon|enc)_id
    | srsltid | ttclid | twclid | vero_id | wbraid | yclid ) (?: = | $ )"""
)


class InvalidUrlError(QuernError):
    """The text is not a web address that can be crawled; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A web address, read and checked.

    Attributes:
        href: what is fetched: the path and query as first written, in ASCII, without fragment.
        key: the identity of the page; equal for equivalent spellings (CONTRACT, "URLs").
        scheme: ``http`` or ``https``.
        host: lower case, IDN as punycode, IPv4 in dotted form, IPv6 without brackets.
        port: the effective port.
        path: the path of the key.
    """

    href: str
    key: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def site(self) -> str:
        """Host, and port where it is not the scheme's own: what ``same_host`` compares."""
        return _netloc(self.scheme, self.host, self.port)

    @property
    def origin(self) -> str:
        """Scheme, host and port (RFC 6454): whom secrets are for, and what a robots.txt speaks for."""
        return f"{self.scheme}://{self.site}"

    @property
    def host_key(self) -> str:
        """``scheme://host:port``, the port always there: the key of table ``hosts``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def url_key(text: str) -> str:
    """The identity of the page at ``text``.

    Raises:
        InvalidUrlError: as :func:`parse_web_url`.
    """
    return parse_web_url(text).key


@lru_cache(maxsize=16_384)  # the pages of a site repeat the same links: some 15 MB at most
def parse_web_url(text: str) -> WebUrl:
    """Read an absolute http or https address.

    Raises:
        InvalidUrlError: another scheme, user name or password inside, no host, a host or port that cannot
            be, or more than ``MAX_URL_CHARS``.
    """
    if len(text) > MAX_URL_CHARS:
        raise _too_long()
    scheme, rest = _split_scheme(_without_controls(text))
    authority, path, query = _split_rest(rest)
    host, port = _parse_authority(authority, scheme)
    normal_path = _normal_path(path)
    normal_query = _normal_query(query)
    start = f"{scheme}://{_netloc(scheme, host, port)}"
    sent = _without_dots(_sendable(path or "/"))
    href = f"{start}{sent}?{_sendable(query)}" if query else start + sent
    key = f"{start}{normal_path}?{normal_query}" if normal_query else start + normal_path
    if max(len(href), len(key)) > MAX_URL_CHARS:
        raise _too_long()
    return WebUrl(href=href, key=key, scheme=scheme, host=host, port=port, path=normal_path)


def join_url(base: str, reference: str) -> WebUrl:
    """Resolve ``reference`` (a link, a Location header) against ``base``.

    Raises:
        InvalidUrlError: what comes out is not a web address.
    """
    try:
        joined = urljoin(base, reference.strip(_CONTROLS))
    except ValueError:
        raise InvalidUrlError("The link is not a web address.") from None
    return parse_web_url(joined)


def _too_long() -> InvalidUrlError:
    return InvalidUrlError(f"The address is longer than {MAX_URL_CHARS} characters.")


def _without_controls(text: str) -> str:
    text = text.strip(_CONTROLS)
    for char in "\t\r\n":
        if char in text:
            text = text.replace(char, "")
    return text


def _split_scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if match is None or scheme not in _DEFAULT_PORTS:
        raise InvalidUrlError("The address must begin with http:// or https://.")
    return scheme, text[match.end() :]


def _split_rest(rest: str) -> tuple[str, str, str]:
    """Authority, path and query; the fragment is dropped, backslashes count as slashes up to the query."""
    rest = rest.partition("#")[0]
    rest, _, query = rest.partition("?")
    rest = rest.replace("\\", "/")
    if not rest.startswith("//"):
        raise InvalidUrlError("The address names no host.")
    authority, slash, path = rest[2:].partition("/")
    return authority, slash + path, query


def _netloc(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"


def _parse_authority(authority: str, scheme: str) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidUrlError("The host or the port of the address cannot be read.")
    if match["userinfo"] is not None:
        raise InvalidUrlError("The address holds a user name or password; send it in a header instead.")
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _MAX_PORT:
        raise InvalidUrlError(f"The port must be between 1 and {_MAX_PORT}.")
    return _parse_host(match["host"]), port


def _parse_host(text: str) -> str:
    if not text:
        raise InvalidUrlError("The address names no host.")
    if text.startswith("["):
        return _parse_v6(text)
    host = _ascii_host(text).removesuffix(".")
    if len(host) > _MAX_HOST_CHARS or not _HOST.fullmatch(host):
        raise InvalidUrlError("The host name holds characters that no host name may hold.")
    if not ends_in_number(host):
        return host
    address = parse_ip_literal(host)
    if address is None:
        raise InvalidUrlError("The host ends in a number, but is not an IPv4 address.")
    return str(address)


def _parse_v6(text: str) -> str:
    try:
        address = IPv6Address(text[1:-1])
    except ValueError:
        raise InvalidUrlError("The brackets hold no IPv6 address.") from None
    if address.scope_id is not None:
        raise InvalidUrlError("The address names a network interface, which only this machine knows.")
    return str(address)


def _ascii_host(text: str) -> str:
    """Percent-encoding undone and IDN as punycode (UTS 46, as browsers do it)."""
    if "%" in text:
        text = _unescape(text)
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except UnicodeError:  # idna's own errors are of this kind
        raise InvalidUrlError("The host name holds characters that no host name may hold.") from None


def _unescape(text: str) -> str:
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), _encode(text))
    return raw.decode("utf-8", "replace")


def _encode(text: str) -> bytes:
    """UTF-8; bytes that came in a header and were no UTF-8 come out as they were (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _sendable(text: str) -> str:
    """As written, but in ASCII and without what would break a request line (escapes stand as they are)."""
    return quote(_encode(text), safe=_RESERVED + '%[]|^{}`"<>\\')


def _normal_path(path: str) -> str:
    if not path:
        return "/"
    if _PLAIN.fullmatch(path):
        return path
    return _without_dots(_normal_escapes(path))


def _normal_escapes(text: str) -> str:
    """One spelling for each character: unreserved ones bare, all others that need it as ``%XX`` (RFC 3986)."""
    return quote(_encode(_ESCAPE.sub(_normal_escape, text)), safe=_RESERVED + "%")


def _normal_escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"  # a percent sign that begins no escape stands for itself
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4, for a path that begins with a slash; an escaped dot is a dot (WHATWG URL)."""
    if not _DOTTED.search(path):
        return path
    kept: list[str] = []
    segments = [_DOTS.sub(".", segment) for segment in path.split("/")[1:]]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _normal_query(query: str) -> str:
    """Sorted by name, the order of equal names kept (it can matter); tracking parameters dropped."""
    if not query:
        return ""
    parameters = [part for part in _normal_escapes(query).split("&") if part and not _TRACKING.match(part)]
    parameters.sort(key=_name)
    return "&".join(parameters)


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]
