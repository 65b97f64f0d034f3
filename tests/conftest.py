"""What every test may use."""

import pytest

from tests import durability


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Have the server of one of several test processes not wait for the disk."""
    if durability.is_ours():
        durability.wait_for_disk("off")
