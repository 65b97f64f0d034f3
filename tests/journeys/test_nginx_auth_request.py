"""nginx lets calls through while there is credit, with the configuration that the README shows."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple

import pytest

from ledger.management.commands.serve import web_program
from tests import processes
from tests.journeys import brokers, proxies
from tests.polling import eventually
from tests.processes import ROOT

README = (ROOT / "integrations" / "README.md").read_text()
SITE = re.search(r"```nginx\n(.*?)```", README, re.DOTALL)
OPEN = "# error_page 500 = @undecided;"

_numbers = count(1)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """Return the body, read."""
        return json.loads(self.body)


def send(
    port: int,
    path: str,
    body: Any = None,
    *,
    method: str = "",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send a request, with JSON if it has a body."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(
            method or ("GET" if body is None else "POST"),
            path,
            None if body is None else json.dumps(body),
            {"Content-Type": "application/json", **(headers or {})},
        )
        reply = connection.getresponse()
        return Reply(reply.status, reply.headers, reply.read().decode())


@dataclass
class Meterbook:
    """A running Meterbook, and a key that may do everything in its book."""

    port: int
    key: str
    asking: str = ""  # a key that may read

    def send(self, path: str, body: Any = None, **more: Any) -> Any:
        """Use its API."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"k{next(_numbers)}"}
        reply = send(self.port, f"/api/v1/{path}", body, headers=headers, **more)
        assert reply.status < 300, (path, reply)
        return reply.json

    def customer(self, key: str, *, subject: str) -> str:
        """Make a customer that pays from its credit alone, and return its empty wallet."""
        self.send("customers", {"key": key, "name": key})
        self.send(f"subjects/{subject}", {"customer": key}, method="PUT")
        profile = {"settlement": "credit_only"}
        self.send(f"customers/{key}/billing-profile", profile, method="PUT")
        wallet = self.send("wallets", {"customer": key, "asset": "USD", "key": f"{key}-main"})
        return str(wallet["id"])

    def top_up(self, wallet: str, amount: str) -> None:
        """Put credit into a wallet."""
        self.send(f"wallets/{wallet}/grants", {"key": f"g{next(_numbers)}", "amount": amount})

    def use(self, subject: str) -> None:
        """Take the usage of a call in."""
        event = {"specversion": "1.0", "source": "service", "type": "call", "subject": subject}
        self.send("events", {**event, "id": f"call-{next(_numbers)}", "data": {}})


@dataclass
class Front:
    """nginx, and what the service behind it was told."""

    port: int
    told: list[Mapping[str, str]] = field(default_factory=list)

    def call(self, key: str = "the-apps-key", **headers: str) -> Reply:
        """Call the service as its client does."""
        sent = {"X-Api-Key": key, **headers}
        return send(self.port, "/v1/hello?a=b", headers=sent)


@pytest.fixture(scope="module")
def meterbook() -> Iterator[Meterbook]:
    """A Meterbook that sells calls at a dollar each."""
    with processes.prepared_home() as home:
        env = processes.environment(METERBOOK_HOME=str(home.root))
        scopes = [word for one in ("ingest", "read", "manage") for word in ("--scope", one)]
        *_, key, asking = processes.manage_each(
            ("create_book", "books"),
            ("create_api_key", "books", *scopes, "--scope", "finance"),
            ("create_api_key", "books", "--scope", "read"),
            env=env,
        )
        made = Meterbook(port=brokers.free_port(), key=key, asking=asking)
        options = {"host": "127.0.0.1", "port": made.port, "web_workers": 1, "web_threads": 4}
        with processes.running(*web_program(options).command[1:], env=env):
            eventually(lambda: brokers.answers(made.port), seconds=120, why="no server")
            sell_calls(made)
            yield made


def sell_calls(meterbook: Meterbook) -> None:
    """Count calls, at a dollar each."""
    meterbook.send("assets", {"code": "call", "name": "Call", "kind": "unit", "scale": 0})
    meter = {"key": "calls", "event_type": "call", "aggregation": "count", "unit": "call"}
    meterbook.send("meters", meter)
    meterbook.send("features", {"key": "calls", "name": "Calls", "meter": {"id": "calls"}})
    meterbook.send("rate-cards", {"key": "list", "asset": "USD", "is_default": True})
    meterbook.send("rate-cards/list/rates", {"meter": "calls", "unit_price": "1"})


@pytest.fixture
def in_front(meterbook: Meterbook) -> Iterator[Callable[..., Front]]:
    """Return a function that puts nginx in front of a service that reports each call."""
    with contextlib.ExitStack() as stack:

        def start(*, subject: str, asked: int = 0, edit: Callable[[str], str] = str) -> Front:
            front = Front(brokers.free_port())

            def work(headers: Mapping[str, str]) -> None:
                front.told.append(headers)
                meterbook.use(headers["meterbook-subject"])

            behind = stack.enter_context(proxies.service(work))
            site = edit(configured(asked or meterbook.port, behind, front.port))
            site = site.replace("acme-app", subject).replace("mb_live_…", meterbook.asking)
            stack.enter_context(proxies.nginx(site, front.port))
            return front

        yield start


def configured(meterbook: int, service: int, front: int) -> str:
    """Return the README's configuration, at other ports."""
    assert SITE is not None, "the README shows one"
    site = SITE[1]
    for shown, ours in ((8000, meterbook), (9000, service), (8080, front)):
        assert f":{shown};" in site
        site = site.replace(f":{shown};", f":{ours};")
    # However busy this machine is: how long nginx waits is not what is shown here.
    return re.sub(r"(_timeout) \w+;", r"\1 30s;", site)


def fails_open(site: str) -> str:
    assert OPEN in site
    return site.replace(OPEN, OPEN.removeprefix("# "))


def test_calls_flow_until_the_wallet_is_empty_and_again_after_a_top_up(
    meterbook: Meterbook, in_front: Callable[..., Front]
) -> None:
    wallet = meterbook.customer("acme", subject="acme-app")
    meterbook.top_up(wallet, "3")
    front = in_front(subject="acme-app")

    assert [front.call().status for _ in range(4)] == [200, 200, 200, 402]
    assert meterbook.send(f"wallets/{wallet}/balance")["available"] == "0"

    denied = front.call()
    assert denied.headers["Content-Type"] == "application/problem+json"
    assert (denied.json["code"], denied.json["status"]) == ("credit_exhausted", 402)
    assert len(front.told) == 3, "what is denied does not reach the service"

    meterbook.top_up(wallet, "1")
    assert [front.call().status for _ in range(2)] == [200, 402]


def test_an_allowance_that_is_used_up_is_429_with_when_to_come_back(
    meterbook: Meterbook, in_front: Callable[..., Front]
) -> None:
    meterbook.top_up(meterbook.customer("umbrella", subject="umbrella-app"), "9")
    right = {"customer": "umbrella", "feature": "calls", "kind": "metered", "limit": "2"}
    meterbook.send("entitlements", right | {"usage_period": "P1M"})
    front = in_front(subject="umbrella-app")

    first, second, denied = front.call(), front.call(), front.call()
    assert (first.status, second.status) == (200, 200)
    assert first.headers["RateLimit"].startswith('"entitlement:calls";r=2;t=')
    assert (denied.status, denied.json["code"]) == (429, "usage_limit_reached")
    assert denied.headers["RateLimit"].startswith('"entitlement:calls";r=0;t=')
    assert {one.headers["RateLimit-Policy"] for one in (first, denied)} == {
        '"entitlement:calls";q=2'
    }
    assert int(denied.headers["Retry-After"]) > 0


def test_the_service_is_told_the_customer_and_never_the_key(
    meterbook: Meterbook, in_front: Callable[..., Front]
) -> None:
    meterbook.top_up(meterbook.customer("globex", subject="globex-app"), "1")
    front = in_front(subject="globex-app")

    assert front.call().body == "hello"
    assert front.told[0]["meterbook-customer"] == "globex"
    assert meterbook.asking not in str(front.told)


def test_a_client_cannot_say_who_pays(meterbook: Meterbook, in_front: Callable[..., Front]) -> None:
    meterbook.top_up(meterbook.customer("initech", subject="initech-app"), "5")
    front = in_front(subject="nobody")
    spoofed = {"Meterbook-Subject": "initech-app", "Meterbook-Key": meterbook.key}

    denied = front.call(**spoofed)
    assert (denied.status, denied.json["code"]) == (403, "customer_unknown")
    assert front.call("another-key", **spoofed).status == 403


def test_without_meterbook_calls_fail_or_flow_as_it_is_configured(
    in_front: Callable[..., Front], meterbook: Meterbook
) -> None:
    meterbook.customer("hooli", subject="hooli-app")
    nobody = brokers.free_port()
    closed = in_front(subject="hooli-app", asked=nobody)
    opened = in_front(subject="hooli-app", asked=nobody, edit=fails_open)

    assert (closed.call().status, closed.told) == (500, [])
    assert (opened.call().status, len(opened.told)) == (200, 1)
