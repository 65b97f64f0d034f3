"""Assets: named once for all books."""

import pytest

from tests.api import code

TOKENS = {"code": "tokens", "name": "Tokens", "kind": "unit", "scale": 0}


def test_an_asset_is_made_and_found(api):
    assert api.post("assets", TOKENS).status_code == 201

    assert api.get("assets/tokens").json() | {"id": ""} == TOKENS | {"id": ""}
    assert [found["code"] for found in api.get("assets", kind="unit").json()["data"]] == ["tokens"]


def test_a_code_is_taken_once(api):
    api.post("assets", TOKENS)

    assert code(api.post("assets", TOKENS)) == (409, "already_exists")


@pytest.mark.parametrize("change", [{"scale": 13}, {"kind": "stock"}, {"code": "a b"}])
def test_an_asset_that_cannot_be_is_refused(api, change):
    assert code(api.post("assets", TOKENS | change)) == (400, "invalid_input")


def test_an_asset_that_is_not_there_is_not_found(api):
    assert code(api.get("assets/gold")) == (404, "not_found")
