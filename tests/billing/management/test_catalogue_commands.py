"""A catalogue is exported and imported by commands, with a diff that people can read."""

import pytest
from django.core.management import CommandError, call_command

from billing.plans.files import exchange
from tests import factories
from tests.billing.test_catalogue_files import full_book


@pytest.fixture
def book(db):
    return full_book()


@pytest.mark.parametrize("name", ["catalogue.yaml", "catalogue.json"])
def test_a_file_carries_a_catalogue_to_another_book(book, tmp_path, capsys, name):
    path, other = tmp_path / name, factories.book()
    call_command("export_catalogue", str(path), book=book.key)

    call_command("import_catalogue", str(path), "--dry-run", book=other.key)
    shown = capsys.readouterr().out
    assert "+ create meter llm" in shown
    assert "↑ publish plan pro v2" in shown
    assert "Would do: " in shown
    assert exchange.export(book=other) == {"catalogue": 1}

    call_command("import_catalogue", str(path), book=other.key)
    assert "Done: " in capsys.readouterr().out
    assert exchange.export(book=other) == exchange.export(book=book)
    call_command("import_catalogue", str(path), book=other.key)
    assert capsys.readouterr().out == "The catalogue is as the file says.\n"


def test_a_change_is_shown_field_by_field(book, tmp_path, capsys):
    call_command("export_catalogue", book=book.key)
    text = capsys.readouterr().out
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace("name: Software", "name: Services"))

    call_command("import_catalogue", str(path), "--dry-run", book=book.key)

    assert capsys.readouterr().out == (
        '~ change tax code saas\n    name: "Software" → "Services"\nWould do: 1 × change.\n'
    )


def test_a_file_that_is_wrong_changes_nothing_and_says_where(book, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("catalogue: 1\nmeters:\n- key: m\n")

    with pytest.raises(CommandError, match=r"meters\[0\].aggregation: "):
        call_command("import_catalogue", str(path), book=book.key)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_catalogue", str(tmp_path / "none"), book=book.key)
