"""What tests of the wallets' admin share."""

import pytest

from ledger import chart


@pytest.fixture(autouse=True)
def _nothing_remembered():
    chart.forget()
    yield
    chart.forget()
