"""Keys are shown once, kept as a hash, limited, and end at once when revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger import access
from ledger.errors import InvalidInputError
from ledger.models import ApiKey
from tests import factories

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def issue():
    """Return a function that issues a key, changed as told."""

    def make(**changes):
        given = {"book": factories.book(), "name": "k", "scopes": ["read"], "at": NOON}
        return access.issue_key(**given | changes)

    return make


def test_a_key_is_known_again(issue):
    key, text = issue()

    assert text.startswith(f"mb_live_{key.prefix}_")
    assert access.authenticate(text, at=NOON) == key


def test_nothing_kept_gives_the_secret_away(issue):
    key, text = issue()
    secret = text.rpartition("_")[2]

    assert secret[:-6].encode() not in bytes(key.digest)
    assert len(bytes(key.digest)) == 32


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text[:30] + ("A" if text[30] != "A" else "B") + text[31:],
        lambda text: text.replace("mb_live", "mb_test"),
        lambda text: text + "x" * 500,
        lambda text: text.replace("mb", "mß"),
        lambda _: "",
        lambda _: "mb_live_x",
    ],
)
def test_a_changed_key_is_refused(issue, spoil):
    _, text = issue()

    with pytest.raises(access.KeyRefusedError):
        access.authenticate(spoil(text), at=NOON)


def test_another_secret_with_a_right_checksum_is_refused(issue):
    _, text = issue()
    forged = text[:-10] + "0000"

    with pytest.raises(access.KeyRefusedError):
        access.authenticate(forged + access._checksum(forged), at=NOON)


def test_another_pepper_refuses_every_key_and_a_fallback_takes_it(issue, settings):
    _, text = issue()
    settings.SECRET_KEY, old = "x" * 60, settings.SECRET_KEY

    with pytest.raises(access.KeyRefusedError):
        access.authenticate(text, at=NOON)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert access.authenticate(text, at=NOON)


def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere(issue):
    key, text = issue()
    access.authenticate(text, at=NOON)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=NOON)  # another process did it

    assert access.authenticate(text, at=NOON + SECOND * 0.9)
    with pytest.raises(access.KeyRevokedError):
        access.authenticate(text, at=NOON + SECOND)

    other, text = issue()
    access.authenticate(text, at=NOON)
    access.revoke(key=other, at=NOON)
    with pytest.raises(access.KeyRevokedError):
        access.authenticate(text, at=NOON)


def test_a_key_ends_when_it_says(issue):
    _, text = issue(expires_at=NOON + timedelta(hours=1))

    access.authenticate(text, at=NOON)
    with pytest.raises(access.KeyExpiredError):
        access.authenticate(text, at=NOON + timedelta(hours=1))


def test_use_is_noted_once_a_minute(issue):
    key, text = issue()
    used = []
    for seconds in (0, 30, 59, 61):
        access.authenticate(text, at=NOON + seconds * SECOND)
        key.refresh_from_db()
        used.append((key.last_used_at - NOON).total_seconds())

    assert used == [0, 0, 0, 61]


def test_an_accepted_key_costs_no_query_for_a_second(issue, django_assert_num_queries):
    _, text = issue()
    access.authenticate(text, at=NOON)

    with django_assert_num_queries(0):
        access.authenticate(text, at=NOON + SECOND * 0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": []},
        {"scopes": ["admin"]},
        {"expires_at": NOON},
        {"name": ""},
    ],
)
def test_a_key_without_sense_is_not_issued(issue, changes):
    with pytest.raises(InvalidInputError):
        issue(**changes)


def test_a_key_is_bound_to_a_customer_of_its_book(issue):
    with pytest.raises(InvalidInputError, match="of the book"):
        issue(customer=factories.customer(book=factories.book()))


def test_the_command_shows_a_key_that_works(capsys):
    book = factories.book()
    call_command("create_api_key", book.key, "--scope", "read", "--scope", "ingest")

    text = capsys.readouterr().out.strip()
    assert access.authenticate(text, at=NOON).scopes == ["ingest", "read"]


def test_the_command_names_what_is_missing():
    with pytest.raises(CommandError, match="No such book"):
        call_command("create_api_key", "nowhere", "--scope", "read")
