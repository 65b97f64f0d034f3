"""``manage.py create_book``: a book from the command line."""

import pytest
from django.core.management import CommandError, call_command

from ledger.models import Book

pytestmark = pytest.mark.django_db


def test_a_book_is_opened(capsys):
    call_command("create_book", "acme", "--currency", "EUR", "--zone", "Europe/Berlin")

    book = Book.objects.get(key="acme")
    assert (book.name, book.base_currency, book.time_zone) == ("acme", "EUR", "Europe/Berlin")
    assert "create_api_key acme" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [["--currency", "XXL"], ["--zone", "Europe/Atlantis"]], ids=["currency", "zone"]
)
def test_what_is_wrong_is_named(wrong):
    with pytest.raises(CommandError, match=wrong[1]):
        call_command("create_book", "acme", *wrong)


def test_a_key_is_taken_once():
    call_command("create_book", "acme")

    with pytest.raises(CommandError, match="acme"):
        call_command("create_book", "acme")
