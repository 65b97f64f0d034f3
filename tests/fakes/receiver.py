"""
A receiver of webhooks on the loopback interface: real HTTP, real signatures, faults on demand.

It verifies by the published ``standardwebhooks`` library, as a customer would.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

from standardwebhooks import Webhook

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]

Fault = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Received:
    """A message as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    def verified_by(self, secret: str) -> Any:
        """Return what it says; raises WebhookVerificationError if another secret signed it."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """What has arrived, and what goes wrong next: one fault per call, in order, then none."""

    address: str
    received: list[Received] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    answers: Fault | None = None  # what every call gets once the faults are used up
    over: threading.Event = field(default_factory=threading.Event)

    def ids(self) -> list[str]:
        return [each.id for each in self.received]


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer with a status."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def closes(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection instead of answering."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    """Answer with something that is not HTTP."""
    handler.wfile.write(b"220 smtp.example ESMTP\r\n\r\n")


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Answer with a body that does not end while somebody reads it."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x" * 65536)


def drips(receiver: Receiver, *, pause: float) -> Fault:
    """Answer byte by byte, each in time to keep a plain socket's timeout from striking."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not receiver.over.wait(pause):
                handler.wfile.write(b"x")

    return fault


def silent(receiver: Receiver) -> Fault:
    """Take the message and never answer."""

    def fault(_handler: BaseHTTPRequestHandler) -> None:
        receiver.over.wait(30)

    return fault


@contextlib.contextmanager
def listening(*, certificate: str = "") -> Iterator[Receiver]:
    """Listen on a free port meanwhile; with TLS if a file with certificate and key is named."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    receiver = Receiver(f"{scheme}://127.0.0.1:{server.server_port}")
    server.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body))
        fault = receiver.faults.pop(0) if receiver.faults else receiver.answers
        (fault or status(204))(self)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""
