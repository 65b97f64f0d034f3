"""
Which addresses may be called: public ones, and private ones only if the operator names them.

A host name is resolved once per call, and the call goes to an address that was checked here: a
name that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from ledger.errors import DomainError, InvalidInputError

Address: TypeAlias = IPv4Address | IPv6Address
Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]

# IPv6 networks whose addresses stand for IPv4 ones, which only a translator on the way knows.
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_LONGEST: Final = 2000
_PORTS: Final = {"http": 80, "https": 443}


class AddressRefusedError(DomainError):
    """The host is at an address of a private network, which webhooks may not call."""

    code = "address_refused"


class HostUnknownError(DomainError):
    """The host's name leads to no address."""

    code = "host_unknown"


def check(field: str, url: str) -> str:
    """
    Return an endpoint's URL, if it may be one.

    Raises:
        InvalidInputError: not an absolute https URL, with a password or a fragment, or with a
            literal address that may not be called.
    """
    parts = _split(field, url)
    if parts.scheme not in _schemes():
        _refuse(field, url, f"start it with {' or '.join(f'{each}://' for each in _schemes())}")
    if parts.username or parts.password or parts.fragment:
        _refuse(field, url, "leave out user name, password and fragment")
    literal = _literal(parts.hostname or "")
    if literal and not is_allowed(literal, settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES):
        _refuse(field, url, "name a public host; the operator may allow private addresses")
    return url


def target(url: str) -> tuple[SplitResult, str, int]:
    """Return the parts of a URL that was checked, its host and its port."""
    parts = urlsplit(url)
    return parts, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def resolve(host: str, port: int, *, is_plain: bool = False) -> list[str]:
    """
    Return the addresses of a host that may be called, having looked it up once.

    ``is_plain`` is for calls without TLS: they may go to allowed private addresses only.

    Raises:
        HostUnknownError: nothing is known under that name.
        AddressRefusedError: one of its addresses may not be called; then none is.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnknownError(host=host) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES
    for address in addresses:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if not (_is_within(parsed, allowed) or (is_public(parsed) and not is_plain)):
            raise AddressRefusedError(host=host, address=address)
    return addresses


def is_allowed(address: Address, allowed: Networks) -> bool:
    """
    Say whether an address is public or in one of the allowed networks.

    >>> is_allowed(IPv4Address("10.1.2.3"), [])
    False
    >>> is_allowed(IPv4Address("10.1.2.3"), [IPv4Network("10.0.0.0/8")])
    True
    """
    return is_public(address) or _is_within(address, allowed)


def is_public(address: Address) -> bool:
    """
    Say whether an address is one of the public internet, whatever it is wrapped in.

    >>> is_public(IPv4Address("93.184.215.14")), is_public(IPv6Address("::ffff:127.0.0.1"))
    (True, False)
    >>> is_public(IPv6Address("64:ff9b::a9fe:a9fe"))
    False
    """
    if isinstance(address, IPv6Address):
        if any(address in network for network in _TRANSLATED):
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _is_within(address: Address, networks: Networks) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _schemes() -> list[str]:
    """Return what URLs may start with: without TLS only private addresses are called."""
    return ["https", "http"] if settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES else ["https"]


def _split(field: str, url: str) -> SplitResult:
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        _refuse(field, url, f"use at most {_LONGEST} ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        _refuse(field, url, "write a URL like https://example.com/hooks")
    return parts


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse(field: str, url: str, remedy: str) -> None:
    raise InvalidInputError(field=field, value=url, remedy=remedy)
