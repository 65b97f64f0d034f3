"""A period closes when nothing of its checklist blocks, and leaves a trace when it is reopened."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing import closing, collection, due
from billing.charging import oneoffs
from billing.closing import ClosingBlockedError, checklist
from billing.invoicing import making
from billing.models import (
    Billable,
    ChargeChange,
    Closing,
    ClosingCheck,
    Invoice,
    Reopening,
    Supplier,
)
from ledger import chart, posting, verification
from ledger.errors import InvalidInputError, PeriodStateError
from ledger.models import Period
from ledger.moves import Move
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.scene import START, event, new_scene
from wallets import schedules
from wallets.models import GrantSchedule

pytestmark = pytest.mark.django_db

FEBRUARY = on("2025-02-03")


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", price=1)
    scene.send(event(100, at=on("2025-01-10")), at=on("2025-01-10"))
    return scene


def january(scene):
    return Period.objects.get(book=scene.book, starts_at=on("2025-01-01"))


def check(scene, at=FEBRUARY):
    return {one.key: one for one in closing.check(period=january(scene), at=at, by="anna")}


def close(scene, at=FEBRUARY):
    return closing.close(period=january(scene), by="anna", at=at)


def blocked(scene):
    with pytest.raises(ClosingBlockedError) as caught:
        close(scene)
    return {one.key: one.found for one in caught.value.blocking}


def invoice_from_now_on(scene, **terms):
    Supplier.objects.create(book=scene.book, updated_at=START)
    collection.set_profile(book=scene.book, customer=None, at=START, **terms)


def make(scene):
    return making.make(
        book=scene.book, payer_ids=[scene.customer.pk], until=FEBRUARY, at=FEBRUARY, by="anna"
    )


def test_a_period_closes_when_nothing_blocks(scene):
    row = close(scene)

    assert january(scene).state == "closed"
    assert (row.closed_by, row.closed_at) == ("anna", FEBRUARY)
    states = {one.key: one.state for one in checklist.latest(january(scene))}
    assert set(states) == set(closing.CHECKS)
    assert {key for key, state in states.items() if state != "ok"} == {"drafts_settled"}
    assert close(scene, at=on("2025-02-04")).closed_at == FEBRUARY


def test_a_period_that_runs_is_not_closed(scene):
    with pytest.raises(PeriodStateError, match="ends only"):
        close(scene, at=on("2025-01-31"))


def test_what_could_not_be_read_and_unknown_subjects_block(scene):
    sent = [event("x", at=on("2025-01-11")), event(1, at=on("2025-01-12"), subject="nobody")]
    scene.send(*sent, at=on("2025-01-12"))

    assert blocked(scene) == {
        "usage_posted": [
            "1 open dead letters: invalid_value",
            "1 events of the unknown subject nobody",
        ]
    }
    assert january(scene).state == "open"
    assert check(scene)["usage_posted"].remedy.startswith("Mend and replay")


def test_a_charge_that_waits_blocks_until_it_is_posted(scene):
    oneoffs.charge_once(
        customer=scene.customer, name="Setup", asset=scene.dollars, unit_price=Decimal(5),
        key="k", at=on("2025-01-10"), due_at=on("2025-01-20"),
    )  # fmt: skip
    assert blocked(scene) == {"due_work_done": ["charge one_off:k has been due since 2025-01-20"]}

    due.run(customer=scene.customer, until=FEBRUARY)
    close(scene)
    assert january(scene).state == "closed"


def test_credit_that_should_have_expired_blocks(scene):
    scene.grant(5, key="gone", expires_at=on("2025-01-20"))

    [found] = blocked(scene)["due_work_done"]
    assert found == f"credit of {scene.customer.key}/gone has been due since 2025-01-20"


def test_recurring_credit_that_should_have_come_blocks(scene):
    wallet = factories.wallet(customer=scene.customer)
    schedules.create(
        wallet=wallet, key="monthly", amount=Decimal(5), cadence="P1M", at=on("2025-01-20"),
        starts_at=on("2025-01-20"),
    )  # fmt: skip
    GrantSchedule.objects.update(due_at=on("2025-01-20"))

    [found] = blocked(scene)["due_work_done"]
    assert (
        found == f"recurring credit of {scene.customer.key}/monthly has been due since 2025-01-20"
    )


def test_usage_that_is_all_billed_waits_for_nothing_within_the_hour_after_its_period(scene):
    invoice_from_now_on(scene)
    make(scene)
    Billable.objects.update(settled_at=None)

    close(scene)

    assert january(scene).state == "closed"


def test_what_waits_to_be_drafted_blocks_where_invoices_are_written(scene):
    invoice_from_now_on(scene)
    assert blocked(scene) == {
        "drafts_settled": [f"1 positions of {scene.customer.key} wait to be drafted"]
    }

    assert make(scene).issued == 1
    close(scene)
    assert january(scene).state == "closed"


def test_a_draft_that_is_left_blocks(scene):
    invoice_from_now_on(scene, approval="manual")
    make(scene)
    assert blocked(scene) == {
        "drafts_settled": [f"Invoice of {scene.customer.key} over 100 USD is draft"]
    }


def test_a_draft_that_is_carried_blocks_nothing(scene):
    invoice_from_now_on(scene, minimum=Decimal(500))
    make(scene)
    assert Invoice.objects.get().state == "draft"
    close(scene)


def test_what_is_in_flight_needs_a_note(scene):
    scene.grant(40, at=on("2025-01-05"))
    found = blocked(scene)
    assert found == {"clearing": ["rail_clearing USD 40"]}

    closing.waive(
        period=january(scene), check="clearing", by="ben", reason="arrives on Monday", at=FEBRUARY
    )
    answered = check(scene)["clearing"]
    assert (answered.state, answered.waived_by, answered.reason) == (
        "waived", "ben", "arrives on Monday",
    )  # fmt: skip
    close(scene)
    assert january(scene).state == "closed"


def test_an_answer_is_for_what_was_found_then(scene):
    scene.grant(40, at=on("2025-01-05"))
    check(scene)
    closing.waive(period=january(scene), check="clearing", by="ben", reason="ok", at=FEBRUARY)
    scene.grant(1, at=on("2025-01-06"))

    assert blocked(scene) == {"clearing": ["rail_clearing USD 41"]}


@pytest.mark.parametrize(
    ("given", "field"),
    [({"check": "weather"}, "check"), ({"check": "sealed"}, "check"), ({"reason": " "}, "reason")],
)
def test_only_what_blocks_is_answered_for_and_with_a_reason(scene, given, field):
    scene.grant(40, at=on("2025-01-05"))
    check(scene)
    wanted = {"check": "clearing", "reason": "ok", **given}

    with pytest.raises(InvalidInputError) as caught:
        closing.waive(period=january(scene), by="ben", at=FEBRUARY, **wanted)
    assert caught.value.field == field


def test_sub_ledgers_that_differ_block(scene):
    made = oneoffs.charge_once(
        customer=scene.customer, name="Setup", asset=scene.dollars, unit_price=Decimal(5),
        key="k", at=on("2025-01-10"),
    )  # fmt: skip
    past = {"debit": "unbilled", "credit": "commitment_revenue"}
    accounts = {
        side: chart.account(
            book=scene.book, purpose=purpose, asset=scene.dollars, at=START,
            customer=scene.customer if side == "debit" else None,
        ).pk
        for side, purpose in past.items()
    }  # fmt: skip
    posting.post(
        book=scene.book, kind="adjustment", key="past", effective_at=on("2025-01-11"),
        moves=[Move(accounts["debit"], accounts["credit"], Decimal(3))],
    )  # fmt: skip
    found = blocked(scene)

    assert found["sub_ledgers"] == ["commitments: commitment_revenue in USD differs by 3"]
    assert ChargeChange.objects.filter(charge=made).exists()


def test_a_ledger_that_disagrees_with_itself_blocks(scene):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_accrual SET amount = 99")
    found = blocked(scene)

    assert found["verified"][0].startswith("revenue: sum in book")
    assert verification.verify().disagreements


def test_overdrafts_are_listed_and_block_nothing(scene):
    scene.limit(0)
    scene.send(event(7, at=on("2025-01-11")), at=on("2025-01-11"))

    found = check(scene)["overdraft"]
    assert (found.state, found.found) == (
        "listed", [f"overdraft {scene.customer.key} USD 7"],
    )  # fmt: skip
    close(scene)


def test_what_blocks_after_posting_has_stopped_opens_the_period_again(scene, monkeypatch):
    answers = iter([[], ["late"]])
    real = checklist.CHECKS["clearing"]

    def changing(period, at):
        found = real(period, at)
        lines = next(answers)
        return found if not lines else type(found)(
            key="clearing", title="", state="blocks", found=lines
        )  # fmt: skip

    monkeypatch.setitem(checklist.CHECKS, "clearing", changing)

    assert blocked(scene) == {"clearing": ["late"]}
    assert january(scene).state == "open"


def test_reopening_leaves_a_trace_that_nobody_can_change(scene):
    close(scene)
    trace = closing.reopen(
        period=january(scene), by="carl", reason="an invoice was missing", at=on("2025-02-05")
    )

    assert january(scene).state == "open"
    assert Closing.objects.get().closed_at is None
    assert (trace.reopened_by, trace.reason) == ("carl", "an invoice was missing")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Reopening.objects.all().delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ClosingCheck.objects.update(state="ok")
    with pytest.raises(InvalidInputError, match="closed"):
        closing.reopen(period=january(scene), by="carl", reason="again", at=FEBRUARY)


def test_the_database_opens_no_closed_period_without_that_trace(scene):
    close(scene)
    opened = Period.objects.filter(book=scene.book)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="by whom and why"), transaction.atomic():
        opened.update(state="open", closed_at=None)


def test_reopening_needs_a_reason(scene):
    close(scene)
    with pytest.raises(InvalidInputError):
        closing.reopen(period=january(scene), by="carl", reason="", at=FEBRUARY)
    assert january(scene).state == "closed"


def test_only_the_last_closed_period_is_reopened(scene):
    scene.send(event(1, at=FEBRUARY), at=FEBRUARY)
    close(scene)
    february = Period.objects.get(book=scene.book, starts_at=on("2025-02-01"))
    closing.close(period=february, by="anna", at=on("2025-03-01"))

    with pytest.raises(PeriodStateError, match="later one"):
        closing.reopen(period=january(scene), by="carl", reason="x", at=on("2025-03-02"))
    assert not Reopening.objects.exists()


def run(*arguments):
    said = StringIO()
    call_command("close_period", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_says_what_blocks_and_closes_when_nothing_does(scene):
    scene.grant(40, at=on("2025-01-05"))
    book = scene.book.key

    said = StringIO()
    with pytest.raises(CommandError, match="2025-01 stays open: clearing"):
        call_command("close_period", "2025-01", "--book", book, "--check", stdout=said)
    assert "rail_clearing USD 40" in said.getvalue()
    with pytest.raises(CommandError, match="2025-01 stays open: clearing"):
        run("2025-01", "--book", book)
    said = run("2025-01", "--book", book, "--by", "anna", "--waive", "clearing=on its way")

    assert "2025-01 is closed." in said
    assert Closing.objects.get().closed_by == "anna"
    assert "2025-01 is open again." in run("2025-01", "--book", book, "--reopen", "a mistake")
    with pytest.raises(CommandError, match="nothing was booked"):
        run("2019-01", "--book", book)
