"""
One call of an endpoint over HTTP, within limits: of time, of what is read, of where it may lead.

Redirects are not followed, proxies not asked, and the connection goes to an address that
``addresses`` has checked.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from integrations.webhooks import addresses
from ledger.errors import DomainError

_READ: Final = 2048  # bytes of an answer's body that are looked at
_SHOWN: Final = 500  # characters of it that are kept
_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call: a status, or else why there is none."""

    status: int | None
    error: str  # empty if the message was taken
    milliseconds: int
    retry_after: timedelta | None = None

    @property
    def is_taken(self) -> bool:
        """Say whether the receiver has taken the message."""
        return not self.error


def post(url: str, *, body: bytes, headers: Mapping[str, str], seconds: float) -> Outcome:
    """
    Call an endpoint; whatever goes wrong is an outcome, too.

    All of it takes so many seconds at most, from when the host's name is resolved.
    """
    began = time.monotonic()
    status, error, retry_after = None, "", None
    try:
        status, content, retry_after = exchange(url, body=body, headers=headers, seconds=seconds)
        text = _plain(content.decode(errors="replace"))
        if status not in _OK:
            error = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    except DomainError as problem:
        error = str(problem)
    except TimeoutError:
        error = f"No answer within {seconds:g} seconds."
    except (OSError, http.client.HTTPException, ValueError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    took = round((time.monotonic() - began) * 1000)
    return Outcome(status=status, error=error, milliseconds=took, retry_after=retry_after)


def exchange(
    url: str, *, body: bytes, headers: Mapping[str, str], seconds: float, most: int = _READ
) -> tuple[int, bytes, timedelta | None]:
    """
    Call an address of the outside; return the status, the body's first bytes, and when to retry.

    Raises:
        HostUnknownError, AddressRefusedError: it may not be called.
        OSError, HTTPException: it cannot be called, or not in that time.
    """
    parts, host, port = addresses.target(url)
    found = addresses.resolve(host, port, is_plain=parts.scheme == "http")
    deadline = time.monotonic() + seconds
    with _connected(found, host, port, parts.scheme, deadline) as sock:
        connection = http.client.HTTPConnection(host, port)
        connection.sock = _Timed(sock, deadline)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body=body, headers={**headers, "Host": parts.netloc})
        response = connection.getresponse()
        content = response.read(most)
        return response.status, content, _retry_after(response.getheader("Retry-After"))


def _connected(
    found: list[str], host: str, port: int, scheme: str, deadline: float
) -> socket.socket:
    """Return a connection to the first address that answers; the host's name is for TLS only."""
    problem: OSError = TimeoutError()
    for address in found:
        try:
            sock = socket.create_connection((address, port), timeout=_left(deadline))
            break
        except OSError as error:
            problem = error
    else:
        raise problem
    if scheme == "https":
        try:
            sock.settimeout(_left(deadline))
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
    return sock


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _plain(text: str) -> str:
    """Return the beginning of an answer's text, as one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]


def _retry_after(value: str | None) -> timedelta | None:
    """Return what an answer asks for in seconds; dates are not read."""
    is_seconds = value is not None and value.isascii() and value.isdigit() and len(value) < 7  # noqa: PLR2004
    return timedelta(seconds=int(value)) if value and is_seconds else None


class _Timed:
    """A socket of which each step must be done before one deadline, however slowly bytes drip."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, *_arguments: Any, **_others: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket to whoever opened it: the answer's body may still have to be read."""


class _Reader(io.RawIOBase):
    """What arrives on a socket before a deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
