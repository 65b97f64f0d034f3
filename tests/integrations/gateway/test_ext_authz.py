"""Asked by Envoy: our prefix before the call's path, any method, the answer as it is."""

import pytest

from tests.integrations.gateway.asking import Gateway

OPTIONS = "feature=tokens"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_a_question(gateway: Gateway, method: str) -> None:
    response = gateway.envoy(f"{OPTIONS}/v1/chat", method=method)

    assert response.status_code == 200
    assert response.headers["Meterbook-Customer"] == gateway.customer.key


@pytest.mark.parametrize("path", ["", "v1/chat", "v1//chat/", "v1/chat?a=b&feature=free"])
def test_every_path_is_a_question(gateway: Gateway, path: str) -> None:
    gateway.is_prepaid()

    assert gateway.envoy(f"{OPTIONS}/{path}").status_code == 402


def test_who_calls_does_not_write_the_options(gateway: Gateway) -> None:
    gateway.is_prepaid()
    response = gateway.envoy(f"{OPTIONS}/v1/chat?feature=free&subject=other&amounts=show")

    assert response.status_code == 402
    assert "remaining" not in response.json()


def test_no_options_are_a_hyphen(gateway: Gateway) -> None:
    assert gateway.envoy("-/v1/chat").status_code == 200


def test_the_path_may_name_the_feature(gateway: Gateway) -> None:
    assert gateway.envoy("feature=path:2/v1/tokens/new").status_code == 200
    assert gateway.envoy("feature=path:2/v1/video/new").json()["code"] == "feature_unknown"


def test_the_query_may_name_the_sender(gateway: Gateway) -> None:
    address = f"{OPTIONS}&subject=query:app/v1/chat"

    assert gateway.envoy(f"{address}?app=api").status_code == 200
    assert gateway.envoy(f"{address}?app=other").json()["code"] == "customer_unknown"


def test_a_denial_is_what_the_caller_shall_see(gateway: Gateway) -> None:
    gateway.may_use(10)
    response = gateway.envoy(f"{OPTIONS}&quantity=header:X-Tokens/v1/chat", {"X-Tokens": "11"})

    assert (response.status_code, response.json()["status"]) == (429, 429)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= response.headers.keys()


def test_what_is_left_is_told_with_a_yes_too(gateway: Gateway) -> None:
    gateway.may_use(10)
    response = gateway.envoy(f"{OPTIONS}/v1/chat")

    assert response.status_code == 200
    assert response.headers["RateLimit"].startswith('"entitlement:tokens";r=10;t=')
    assert response.headers["RateLimit-Policy"] == '"entitlement:tokens";q=10'
