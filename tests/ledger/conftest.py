"""What the ledger's tests share."""

from collections.abc import Iterator

import pytest

from ledger import chart


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Forget accounts of databases that other tests have emptied."""
    chart.forget()
    yield
    chart.forget()
