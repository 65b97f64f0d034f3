"""What tests of gateways share: a noon that does not pass, and a gateway."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.factories import NOON
from tests.integrations.gateway.asking import Gateway, new_gateway


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def gateway(db: None) -> Gateway:
    """Return a gateway in front of a service whose tokens are sold."""
    return new_gateway()
