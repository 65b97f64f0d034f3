"""Somebody makes a price in a real browser, and sees what it costs while writing it."""

import fcntl
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from billing.models import PlanVersion
from billing.plans import drafting
from ledger import registry
from tests import factories
from tests.billing.plans import offers
from tests.polling import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
READS, WRITES = 3, 4  # the browser's ends of its pipes

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]


class Chromium:
    """A browser without a screen, driven through two pipes."""

    def __init__(self, profile):
        commands, ours = os.pipe()
        theirs, answers = os.pipe()
        commands, answers = (fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (commands, answers))

        def connect():
            os.dup2(commands, READS)
            os.dup2(answers, WRITES)

        flags = ("headless=new", "no-sandbox", "disable-gpu", "remote-debugging-pipe")
        self.process = subprocess.Popen(
            [CHROMIUM, *(f"--{flag}" for flag in flags), f"--user-data-dir={profile}"],
            preexec_fn=connect,  # noqa: PLW1509
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        self.commands, self.answers = ours, theirs
        self.number, self.unread, self.session, self.failures = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("method") == "Runtime.exceptionThrown":
                self.failures.append(answer["params"])
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        while b"\0" not in self.unread:
            self.unread += os.read(self.answers, 1 << 16)
        found, _, self.unread = self.unread.partition(b"\0")
        return json.loads(found)

    def run(self, script):
        """Run a script in the page and return what it comes to."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, address):
        self.call("Page.navigate", url=address)
        arrived = f"document.readyState === 'complete' && location.href === {json.dumps(address)}"
        assert eventually(lambda: self.run(arrived))

    def write(self, name, value):
        """Write into a field as somebody who types."""
        self.run(
            f"(() => {{ const field = document.querySelector('[name={json.dumps(name)}]');"
            f" field.value = {json.dumps(value)};"
            " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def says(self, selector, words):
        """Wait until some part of the page says something."""
        script = f"(document.querySelector({json.dumps(selector)}) || {{}}).textContent || ''"
        return eventually(lambda: words in self.run(script))

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        for end in (self.commands, self.answers):
            os.close(end)


@pytest.fixture
def version():
    registry.currency(code="USD")
    book = factories.book()
    offers.feature(book)
    plan = offers.plan(offers.phase("main"))
    return drafting.create(book=book, document=plan, at=datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture
def browser(live_server, tmp_path):
    user = User.objects.create_superuser("ada")
    client = Client()
    client.force_login(user)
    chromium = Chromium(tmp_path)
    session = client.cookies["sessionid"].value
    chromium.call("Network.setCookie", name="sessionid", value=session, url=live_server.url)
    yield chromium
    chromium.close()


def test_a_price_is_made_while_the_curve_follows(live_server, browser, version):
    card = reverse("admin:billing_planversion_card", args=[version.pk])
    browser.open(f"{live_server.url}{card}?phase=main")
    browser.write("feature", "tokens")
    browser.write("price_type", "volume")
    assert browser.run("document.querySelector('[data-field=amount]').hidden")
    browser.write("tiers-0-up_to_amount", "1000")
    browser.write("tiers-0-unit_price", "0.10")
    browser.click("[data-rows=tiers] .mb-add")
    browser.write("tiers-1000-unit_price", "0.06")
    browser.write("maximum_amount", "300")
    browser.write("sample-quantity", "1200")

    assert browser.says(".mb-lines tfoot", "72.00")
    assert browser.says(".mb-words", "1,000 tokens cost 100.00 USD")
    browser.write("tiers-1000-up_to_amount", "900")
    assert browser.says(".mb-rows .mb-live", "leave up_to_amount out")
    browser.write("tiers-1000-up_to_amount", "")
    assert browser.says(".mb-lines tfoot", "72.00")
    browser.run(
        "(() => { const svg = document.querySelector('.mb-curve');"
        " const box = svg.getBoundingClientRect();"
        " svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right})); })()"
    )
    assert browser.says(".mb-readout", "300.00")
    browser.click("input[type=submit].default")

    assert browser.says(".messagelist", "Saved tokens.")
    assert not browser.failures
    [saved] = PlanVersion.objects.get().phases.get().rate_cards.all()
    assert saved.price == {
        "type": "volume",
        "tiers": [
            {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.10"}},
            {"unit_price": {"type": "unit", "amount": "0.06"}},
        ],
    }
