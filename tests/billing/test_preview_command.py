"""``manage.py preview_price``: a case a line in, an answer a line out, in order."""

import io
import json
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from tests.billing.rating.examples import EXAMPLES

UNIT = {"price": {"type": "unit", "amount": "1"}, "currency": "USD"}


def written(cases):
    return "".join(json.dumps(case) + "\n" for case in cases)


@pytest.fixture
def run(tmp_path):
    """Return a function that previews cases from a file."""

    def run(content, **options):
        file, printed = tmp_path / "cases.ndjson", io.StringIO()
        file.write_text(content)
        call_command("preview_price", str(file), stdout=printed, **options)
        return [json.loads(line) for line in printed.getvalue().splitlines()]

    return run


def test_every_example_gives_what_was_computed_by_hand(run):
    answers = run(written(example.case for example in EXAMPLES))

    assert [answer["total"] for answer in answers] == [example.total for example in EXAMPLES]


@pytest.mark.parametrize("processes", [1, 2])
def test_many_cases_are_answered_in_their_order(run, processes):
    numbers = range(2345)  # five batches

    answers = run(written(UNIT | {"quantity": n} for n in numbers), processes=processes)

    assert [int(answer["total"]) for answer in answers] == list(numbers)


def test_a_bad_case_is_answered_in_its_place_and_empty_lines_are_skipped(run):
    bad = {"price": {"type": "unit", "amount": "-1"}, "currency": "XYZ", "quantity": "1"}

    before, problem, broken, after = run(
        written([UNIT | {"quantity": "1"}, bad])
        + "\n{oops\n  \n"
        + written([UNIT | {"quantity": 2}])
    )

    assert (before["total"], after["total"]) == ("1", "2")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [
        ("price.amount", "negative"),
        ("currency", "unknown_currency"),
    ]
    assert (problem["code"], problem["status"]) == ("invalid_terms", 400)
    assert [error["code"] for error in broken["errors"]] == ["malformed_json"]


def test_nothing_in_is_nothing_out(run):
    assert run("") == []


def test_cases_come_from_standard_input_unless_a_file_is_named():
    ran = subprocess.run(
        [sys.executable, "manage.py", "preview_price"],
        input=written([UNIT | {"quantity": "3"}]).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(ran.stdout)["total"] == "3"
    assert ran.stderr == b""


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(CommandError, match=r"nowhere\.ndjson cannot be read"):
        call_command("preview_price", "nowhere.ndjson")
