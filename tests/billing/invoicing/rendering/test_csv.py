"""Lines as CSV: a row each, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from billing.invoicing.documents import csv_lines
from tests.billing.invoicing.rendering import samples
from tests.billing.invoicing.rendering.golden import agrees


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_it_says_what_somebody_read():
    document = samples.document([samples.fee(1), samples.usage(2)])
    assert agrees("domestic.csv", csv_lines.write(document))


def test_each_line_is_a_row_that_adds_up_to_the_document():
    document = samples.long(40)
    found = rows(csv_lines.write(document))
    assert len(found) == 40
    assert sum(int(row["position"]) for row in found) == 820
    assert {row["currency"] for row in found} == {"EUR"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_is_taken_for_a_formula(start: str):
    hostile = f'{start}HYPERLINK("http://example.invalid")'
    document = samples.document([samples.fee(1, description=hostile, consumer=hostile)])
    (row,) = rows(csv_lines.write(document))
    assert row["description"].startswith("'")
    assert row["consumer"].startswith("'")


def test_negative_amounts_stay_numbers():
    (row,) = rows(csv_lines.write(samples.document([samples.fee(1, amount="-5.00")])))
    assert row["amount"] == "-5"
