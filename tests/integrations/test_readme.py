"""The README's examples: each can be read, and asks at an address that answers, by good options."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from django.urls import resolve

from integrations.gateway import calls, entitlement_access, ext_authz, forward_auth, opa
from integrations.sources import http

README = (Path(__file__).resolve().parents[2] / "integrations" / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
ADDRESSES = [found for _, text in BLOCKS for found in re.findall(r"/api/v[13]/[^\s\"';]+", text)]


def path(address):
    """Return the path that is asked at; Envoy adds the call's own."""
    found = urlsplit(address).path
    return f"{found}/v1/chat" if "ext-authz" in found else found


def test_every_way_to_ask_is_shown_by_its_address():
    assert {resolve(path(address)).func for address in ADDRESSES} == {
        forward_auth.auth_request,
        forward_auth.forward_auth,
        ext_authz.ext_authz,
        opa.opa,
        entitlement_access.query,
        http.litellm_log,
        http.otlp_traces,
    }


@pytest.mark.parametrize(
    "address", [address for address in ADDRESSES if address.startswith("/api/v1/gateway/")]
)
def test_options_of_each_example_are_good(address):
    asked = urlsplit(address)
    options = asked.query or unquote(asked.path.rsplit("/", 1)[1])

    assert calls.read_options(options, ()).sources["feature"]


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_examples_in_yaml_can_be_read(text):
    assert isinstance(yaml.safe_load(text), dict)
