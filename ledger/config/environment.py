"""
Reading settings from environment variables.

Each reader notes what is wrong instead of raising, so that ``check`` can name every
problem of an environment at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}

_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


@dataclass(frozen=True, kw_only=True)
class Mail:
    """How mail leaves: to the console, or by SMTP, with TLS from the start or after STARTTLS."""

    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starts_tls: bool = False
    is_tls: bool = False


class Environment:
    """Variables, and what is wrong with them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return a variable as text."""
        return self._variables.get(name, "").strip() or default

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        """Return one of the options."""
        value = self.text(name, default)
        if value not in options:
            self._note(name, f"is {value!r}, must be one of: {', '.join(options)}")
            return default
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._variables.get(name, "").strip().lower()
        if not value:
            return default
        if value not in _TRUE | _FALSE:
            self._note(name, f"is {value!r}, must be true or false")
        return value in _TRUE

    def whole(self, name: str, default: int, *, least: int = 0) -> int:
        """Return a whole number that is not below the least."""
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or int(value) < least:
            self._note(name, f"is {value!r}, must be a whole number from {least}")
            return default
        return int(value)

    def names(self, name: str) -> list[str]:
        """Return a list written with commas."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def amounts(self, name: str) -> dict[str, Decimal]:
        """Return amounts by asset, written USD=1000,credit=500; one without a name is for any."""
        found = {}
        for value in self.names(name):
            asset, _, number = value.rpartition("=")
            try:
                found[asset.strip()] = _amount(number)
            except ValueError:
                self._note(name, f"names {value!r}, write amounts like 1000 or USD=1000,EUR=900")
        return found

    def database(self, name: str) -> dict[str, Any] | None:
        """Return Django's settings for a postgresql:// address, or None without one."""
        value = self.text(name)
        if not value:
            return None
        try:
            return _database(value)
        except ValueError as error:
            self._note(name, f"{error}; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
            return None

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Return networks, written with commas."""
        found = []
        for value in self.names(name):
            try:
                found.append(ip_network(value))
            except ValueError:
                self._note(name, f"names {value!r}, write networks like 10.0.0.0/8")
        return found

    def mail(self, name: str) -> Mail:
        """Return the way that an smtp:// address says for mail, the console without one."""
        value = self.text(name, "console://")
        try:
            return _mail(value)
        except ValueError as error:
            self._note(name, f"{error}; write smtp+tls://USER:PASSWORD@HOST:PORT, or console://")
            return Mail(backend="console")

    def require(self, *, holds: bool, otherwise: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.problems.append(otherwise)

    def check(self) -> None:
        """
        Stop the start if anything is wrong.

        Raises:
            ImproperlyConfigured: naming every problem.
        """
        if self.problems:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(f"The environment needs correcting:\n{listed}")

    def _note(self, name: str, problem: str) -> None:
        self.problems.append(f"{name} {problem}.")


def _amount(number: str) -> Decimal:
    """
    Read an amount that is not below zero.

    >>> _amount(" 12.50 ")
    Decimal('12.50')
    """
    try:
        found = Decimal(number.strip())
    except InvalidOperation:
        raise ValueError(number) from None
    if not found.is_finite() or found < 0:
        raise ValueError(number)
    return found


def _database(url: str) -> dict[str, Any]:
    """
    Translate an address into Django's settings.

    >>> _database("postgresql://ann:s%40fe@db:6432/books?sslmode=require")["OPTIONS"]
    {'sslmode': 'require'}
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"names {parts.scheme or 'no'} scheme, only PostgreSQL serves")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ValueError("names no database")
    options = dict(parse_qsl(parts.query))
    return {
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # libpq takes a socket's folder as host; in an address it is written ?host=/run/postgresql
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _mail(url: str) -> Mail:
    """
    Translate an address into a way for mail.

    >>> _mail("smtp+tls://ann:s%40fe@mail.example")
    Mail(backend='smtp', host='mail.example', port=587, user='ann', password='s@fe',
    starts_tls=True, is_tls=False)
    """
    parts = urlsplit(url)
    if parts.scheme == "console":
        return Mail(backend="console")
    if parts.scheme not in _MAIL_PORTS:
        raise ValueError(f"names {parts.scheme or 'no'} scheme")
    if not parts.hostname:
        raise ValueError("names no host")
    return Mail(
        backend="smtp",
        host=parts.hostname,
        port=parts.port or _MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        is_tls=parts.scheme == "smtps",
    )
