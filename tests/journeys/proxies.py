"""A real nginx in front of a small service, on free ports, in a folder that goes away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.journeys import brokers
from tests.polling import eventually

_MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


@contextlib.contextmanager
def nginx(site: str, port: int) -> Iterator[None]:
    """Run nginx with a site that listens on a port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    with tempfile.TemporaryDirectory(prefix="meterbook-nginx-") as name:
        folder = Path(name)
        config, log = folder / "nginx.conf", folder / "error.log"
        user = pwd.getpwuid(os.getuid()).pw_name
        config.write_text(_MAIN.format(user=user, folder=folder, site=site))
        process = subprocess.Popen([program, "-p", name, "-e", str(log), "-c", str(config)])
        try:
            eventually(
                lambda: brokers.answers(port) or process.poll() is not None,
                why="nginx does not listen",
            )
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextlib.contextmanager
def service(work: Callable[[Mapping[str, str]], None]) -> Iterator[int]:
    """Run a service that does some work for each call, told its headers; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            work({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
