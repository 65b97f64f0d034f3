"""Brokers of our own for a test: Debian's programs, on free ports, in a folder that goes away."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.polling import eventually

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@contextlib.contextmanager
def ours() -> Iterator[str]:
    """The broker in the database."""
    yield "database://ours"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Redis that writes each change down."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    with _running([program, "--port", str(port), "--appendonly", "yes", "--save", ""]):
        eventually(lambda: answers(port))
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def rabbitmq() -> Iterator[str]:
    """RabbitMQ, one node."""
    if not RABBITMQ.exists():
        pytest.skip("rabbitmq-server is not installed")
    port, epmd = free_port(), str(free_port())
    env = {
        "RABBITMQ_NODENAME": f"meterbook{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": epmd,
    }
    try:
        with _running([str(RABBITMQ)], env):
            eventually(lambda: answers(port), seconds=60, why="RabbitMQ did not start")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        subprocess.run(["epmd", "-port", epmd, "-kill"], capture_output=True, check=False)


@contextlib.contextmanager
def _running(command: list[str], env: dict[str, str] | None = None) -> Iterator[None]:
    folder = Path(tempfile.mkdtemp(prefix="meterbook-broker-"))
    places = {"HOME": folder, "RABBITMQ_MNESIA_BASE": folder, "RABBITMQ_LOG_BASE": folder}
    places["RABBITMQ_ENABLED_PLUGINS_FILE"] = folder / "plugins"
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **{name: str(place) for name, place in places.items()}, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
