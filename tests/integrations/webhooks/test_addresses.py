"""Calls go to public addresses, looked up once; private ones are called only where allowed."""

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.webhooks import addresses, calling
from tests.fakes import receiver as fake

ASKED = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch):
    """Return names that have addresses, and a list of which were looked up."""
    known: dict[str, list[str]] = {}
    asked: list[str] = []

    def look_up(host, port, *arguments, **others):
        if host not in known:
            ip_address(host)  # nothing but the loopback is really looked up
            return ASKED(host, port, *arguments, **others)
        asked.append(host)
        found = known[host]
        return [entry for each in found for entry in ASKED(each, port, *arguments, **others)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known, asked


def post(url):
    return calling.post(url, body=b"{}", headers={}, seconds=2)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.1.2.3",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address, settings):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []

    assert not addresses.is_allowed(ip_address(address), [])
    with pytest.raises(addresses.AddressRefusedError):
        addresses.resolve(address, 443)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::93.184.215.14"]
)
def test_public_addresses_may_be_called(address, settings):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []

    assert addresses.resolve(address, 443) == [str(ip_address(address))]


def test_without_leave_nothing_private_is_called(receiver, settings, names):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    known, _ = names
    known["innocent.example"] = ["127.0.0.1"]
    port = receiver.address.rpartition(":")[2]

    outcome = post(f"https://innocent.example:{port}/hook")

    assert "private network" in outcome.error
    assert receiver.received == []


def test_a_name_with_one_private_address_is_refused_as_a_whole(settings, names):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    known, _ = names
    known["mixed.example"] = ["93.184.215.14", "10.0.0.1"]

    with pytest.raises(addresses.AddressRefusedError, match=r"10\.0\.0\.1"):
        addresses.resolve("mixed.example", 443)


def test_only_the_networks_that_are_named_are_allowed(settings, names):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = [ip_network("10.1.0.0/16")]
    known, _ = names
    known |= {"ours.example": ["10.1.2.3"], "others.example": ["10.2.2.3"]}

    assert addresses.resolve("ours.example", 80, is_plain=True) == ["10.1.2.3"]
    with pytest.raises(addresses.AddressRefusedError):
        addresses.resolve("others.example", 443)


def test_without_tls_even_public_addresses_are_refused(settings, names):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = fake.LOOPBACK
    known, _ = names
    known["public.example"] = ["93.184.215.14"]

    assert "private network" in post("http://public.example/hook").error


def test_a_name_is_looked_up_once_and_the_call_goes_where_that_led(receiver, names):
    known, asked = names
    known["rebinding.example"] = ["127.0.0.1"]
    port = receiver.address.rpartition(":")[2]

    assert post(f"http://rebinding.example:{port}/hook").is_taken

    assert asked == ["rebinding.example"]
    (message,) = receiver.received
    assert message.headers["host"] == f"rebinding.example:{port}"


def test_the_next_address_is_tried_when_nobody_answers_at_the_first(receiver, names):
    known, _ = names
    known["two.example"] = ["127.0.0.9", "127.0.0.1"]  # the receiver listens at the second only
    port = receiver.address.rpartition(":")[2]

    assert post(f"http://two.example:{port}/hook").is_taken


def test_a_name_that_nobody_knows_is_an_outcome(settings, monkeypatch):
    def fail(*_arguments, **_others):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert "leads to no address" in post("https://nowhere.example/").error


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path, monkeypatch):
        """Return a file with a certificate of hooks.example that this process trusts."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
        today = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), False)
            .sign(key, hashes.SHA256())
        )
        public = made.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (tmp_path / "both.pem").write_bytes(public + private)
        (tmp_path / "trusted.pem").write_bytes(public)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
        return str(tmp_path / "both.pem")

    def test_the_certificate_must_be_of_the_name_that_was_asked_for(
        self, certificate, names, settings
    ):
        settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = fake.LOOPBACK
        known, _ = names
        known |= {"hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
        with fake.listening(certificate=certificate) as receiver:
            port = receiver.address.rpartition(":")[2]
            right = post(f"https://hooks.example:{port}/hook")
            wrong = post(f"https://other.example:{port}/hook")

        assert right.is_taken, right.error
        assert "CERTIFICATE_VERIFY_FAILED" in wrong.error
        assert [each.headers["host"] for each in receiver.received] == [f"hooks.example:{port}"]

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, certificate, names, settings, monkeypatch
    ):
        monkeypatch.delenv("SSL_CERT_FILE")
        settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = fake.LOOPBACK
        known, _ = names
        known["hooks.example"] = ["127.0.0.1"]
        with fake.listening(certificate=certificate) as receiver:
            port = receiver.address.rpartition(":")[2]
            outcome = post(f"https://hooks.example:{port}/hook")

        assert "CERTIFICATE_VERIFY_FAILED" in outcome.error
        assert receiver.received == []
