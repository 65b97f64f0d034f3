"""Money over HTTP: payments, notes, refunds, write-offs, disputes, claims, dunning, reports."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now as clock

from billing import dunning
from billing.models import Allocation, Dunning
from ledger.models import Customer
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.rendering.samples import text_of
from tests.billing.payments.documents import drafted, issued, now, pay, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    """Return an invoice over 119 dollars that has been due for forty days."""
    at = clock() - timedelta(days=40)
    return issued(factories.customer(), nets=["100"], percentage="19", at=at, terms="")


@pytest.fixture
def api(invoice):
    return Api(invoice.book)


def send(api, path, body, *, status=201, once="k"):
    response = api.post(path, body, once=once)
    assert response.status_code == status, response.content
    return response.json()


def record(api, payer, amount, *, key="p-1", **more):
    body = {"payer": payer.key, "currency": "USD", "amount": amount, "key": key, "method": "bank"}
    return send(api, "payments", body | more, once=key)


class TestPayments:
    def test_money_is_recorded_and_read(self, api, invoice):
        made = record(api, invoice.payer, "130", reference=invoice.number, fee="1", rail="hypo")

        assert (made["amount"], made["money"]["applied"], made["money"]["left"]) == (
            "130", "119", "11",
        )  # fmt: skip
        assert api.get(f"payments/{made['id']}").json() == made
        assert api.get("payments", payer=invoice.payer.key, rail="hypo").json()["data"] == [made]
        assert api.get("payments", key="other").json()["data"] == []
        [row] = api.get(f"payments/{made['id']}/allocations").json()["data"]
        assert (row["kind"], row["amount"], row["invoice_id"]) == (
            "payment", "119", str(invoice.pk),
        )  # fmt: skip
        [same] = api.get(f"invoices/{invoice.pk}/allocations").json()["data"]
        assert same == row
        assert api.get("unapplied-cash").json()["data"] == [made["money"]]

    def test_what_money_is_for_is_proposed_without_a_trace(self, api, invoice):
        body = {"payer": invoice.payer.key, "currency": "USD", "amount": "119"}

        found = api.post("payments/match-preview", body).json()["data"]

        assert [one["why"] for one in found] == ["amount", "oldest"]
        assert found[0]["shares"] == [{"invoice_id": str(invoice.pk), "amount": "119"}]
        assert Allocation.objects.count() == 0

    def test_somebody_says_what_money_is_for_and_takes_it_back(self, api, invoice):
        made = record(api, invoice.payer, "50", allocate="nothing")
        named = {"allocations": [{"invoice": invoice.number, "amount": "40"}]}

        given = send(api, f"payments/{made['id']}/allocate", named, status=200, once="a")
        assert given["money"]["left"] == "10"
        rest = send(api, f"unapplied-cash/{made['money']['id']}/allocate", {}, status=200, once="b")
        assert rest["left"] == "0"
        row = Allocation.objects.order_by("pk").first()
        undone = send(api, f"allocations/{row.pk}/undo", {"reason": "Wrong"}, status=200, once="c")
        assert (undone["amount"], undone["reverses_id"]) == ("-40", str(row.pk))
        assert now(invoice).open == 109

    def test_a_payment_bounces(self, api, invoice):
        made = record(api, invoice.payer, "119")

        back = send(api, f"payments/{made['id']}/reverse", {"reason": "AC04"}, status=200, once="r")

        assert back["money"]["returned"] == "119"
        assert now(invoice).state == "overdue"

    def test_more_than_there_is_is_refused(self, api, invoice):
        made = record(api, invoice.payer, "50", allocate="nothing")
        named = {"allocations": [{"invoice": invoice.number, "amount": "51"}]}

        response = api.post(f"payments/{made['id']}/allocate", named, once="a")

        assert code(response) == (422, "allocation_exceeds")

    def test_a_key_that_is_bound_to_a_customer_reads_its_own_and_pays_nothing(self, api, invoice):
        record(api, invoice.payer, "119")
        other = factories.customer(book=invoice.book)
        pay(other, 5)
        own = Api(invoice.book, customer=invoice.payer)

        assert [one["payer"] for one in own.get("payments").json()["data"]] == [invoice.payer.key]
        assert own.post("payments", {}, once="x").status_code == 404
        assert own.get(f"customers/{other.key}/statement").status_code in {400, 404}
        assert own.get("write-offs").status_code == 404
        assert [row["payer"] for row in own.get("reports/ageing").json()["data"]] in (
            [], [invoice.payer.key],
        )  # fmt: skip


class TestNotes:
    def body(self, invoice, **more):
        return {
            "invoice": invoice.number, "key": "n-1", "what": "amount", "amount": "11.90",
            "reason": "Outage", **more,
        }  # fmt: skip

    def test_an_amount_is_given_back(self, api, invoice):
        note = send(api, "credit-notes", self.body(invoice))

        assert (note["kind"], note["total"], note["corrects_id"]) == (
            "credit_note", "11.9", str(invoice.pk),
        )  # fmt: skip
        assert now(invoice).open == Decimal("107.10")
        assert [one["id"] for one in api.get("credit-notes").json()["data"]] == [note["id"]]

    def test_lines_are_given_back(self, api, invoice):
        line = invoice.lines.get()
        lines = [{"line": str(line.pk), "amount": "20"}]

        note = send(api, "credit-notes", self.body(invoice, what="lines", lines=lines, amount=None))

        assert (note["taxable"], note["tax"]) == ("20", "3.8")

    def test_it_becomes_a_balance_that_can_be_allocated_and_paid_back(self, api, invoice):
        record(api, invoice.payer, "119")
        body = self.body(invoice, what="full", amount=None, disposition="credit_balance")
        note = send(api, "credit-notes", body)

        [balance] = api.get(f"credit-notes/{note['id']}/balances").json()["data"]
        assert (balance["note_id"], balance["left"]) == (note["id"], "119")
        refund = send(
            api, "refunds",
            {"source": balance["id"], "key": "f", "amount": "19", "reason": "Asked"}, once="f",
        )  # fmt: skip
        assert (refund["state"], refund["amount"], refund["rail"]) == ("requested", "19", "manual")
        for step, state in (("send", "sent"), ("settle", "settled")):
            made = send(
                api, f"refunds/{refund['id']}/{step}", {"external_id": "re_1"}, status=200,
                once=step,
            )  # fmt: skip
            assert made["state"] == state
        assert [one["id"] for one in api.get("refunds", state="settled").json()["data"]] == [
            refund["id"]
        ]
        failed = send(
            api, "refunds", {"source": balance["id"], "key": "g", "reason": "Rest"}, once="g"
        )
        done = send(api, f"refunds/{failed['id']}/fail", {"reason": "Closed"}, status=200, once="h")
        assert (done["state"], done["failure"]) == ("failed", "Closed")

    def test_a_note_that_is_open_is_set_off(self, api, invoice):
        record(api, invoice.payer, "119")
        note = send(api, "credit-notes", self.body(invoice))
        following = issued(invoice.payer, nets=["5"], at=clock())

        done = send(api, f"credit-notes/{note['id']}/allocate", {}, status=200, once="a")

        assert done["open"] == "6.9"
        assert now(following).state == "paid"

    def test_debit_notes_charge_on_top(self, api, invoice):
        note = send(
            api, "debit-notes",
            {"invoice": invoice.number, "key": "d", "reason": "Forgotten",
             "lines": [{"description": "Setup", "unit_price": "50"}]},
        )  # fmt: skip

        assert (note["kind"], note["due"]) == ("debit_note", "50")

    def test_much_of_it_needs_a_second_person(self, api, invoice, settings):
        settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(10)}
        waits = send(api, "credit-notes", self.body(invoice), status=202)
        assert (waits["operation"], waits["amount"]) == ("credit_note.issue", "11.9")
        assert now(invoice).open == 119

        done = Api(invoice.book).post(f"approvals/{waits['id']}/approve", once="y")

        assert done.status_code == 200, done.content
        assert now(invoice).open == Decimal("107.10")
        assert done.json()["outcome"].startswith("credit note CN-")


def test_a_large_invoice_is_issued_by_two(api, invoice, settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(10)}
    draft = drafted(invoice.payer)
    waits = send(api, f"invoices/{draft.pk}/issue", {}, status=202)
    assert (waits["operation"], now(draft).number) == ("invoice.issue", "")

    done = Api(invoice.book).post(f"approvals/{waits['id']}/approve", once="y")

    assert done.json()["outcome"] == f"invoice {now(draft).number}"
    assert now(draft).state == "issued"


class TestWriteOffsAndDisputes:
    def test_what_will_not_be_paid_is_written_off(self, api, invoice):
        body = {"invoice": invoice.number, "key": "w", "reason": "Insolvent"}

        row = send(api, "write-offs", body)

        assert (row["amount"], row["tax"]) == ("119", "19")
        assert api.get("write-offs", payer=invoice.payer.key).json()["data"] == [row]
        assert now(invoice).state == "uncollectible"

    @pytest.mark.parametrize("path", ["write-offs", "refunds"])
    def test_much_of_it_needs_a_second_person(self, api, invoice, settings, path):
        money = pay(invoice.payer, 200).money
        settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(10)}
        open_ = issued(invoice.payer, at=clock())
        body = {"key": "w", "reason": "Agreed"} | (
            {"invoice": open_.number} if path == "write-offs" else {"source": str(money.pk)}
        )

        waits = send(api, path, body, status=202)
        done = Api(invoice.book).post(f"approvals/{waits['id']}/approve", once="y")

        assert done.json()["state"] == "approved"
        assert (now(open_).open == 0) == (path == "write-offs")
        assert (now(money).returned == 81) == (path == "refunds")

    @pytest.mark.parametrize("path", ["write-offs", "refunds", "credit-notes"])
    def test_asked_again_under_its_key_it_is_one_approval_and_then_done(
        self, api, invoice, settings, path
    ):
        money = pay(invoice.payer, 200).money
        settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(10)}
        open_ = issued(invoice.payer, at=clock())
        body = {"key": "w", "reason": "Agreed", "amount": "30"} | {
            "write-offs": {"invoice": open_.number},
            "refunds": {"source": str(money.pk)},
            "credit-notes": {"invoice": open_.number, "what": "amount", "disposition": "offset"},
        }[path]

        waits = [api.post(path, body, once=once).json()["id"] for once in ("a", "b")]
        Api(invoice.book).post(f"approvals/{waits[0]}/approve", once="y")

        assert waits[0] == waits[1]
        assert api.post(path, body, once="c").status_code == 201
        assert now(open_).open == (100 if path == "refunds" else 70)

    def test_disputes_are_opened_and_decided(self, api, invoice):
        made = record(api, invoice.payer, "119", rail="psp")
        body = {"payment": made["id"], "key": "d", "reason": "Fraud", "external_id": "dp_1"}

        dispute = send(api, "disputes", body | {"fee": "15"})
        assert (dispute["state"], dispute["amount"]) == ("open", "119")
        lost = send(
            api, f"disputes/{dispute['id']}/decide",
            {"outcome": "lost", "decision": "The network said so"}, status=200, once="l",
        )  # fmt: skip

        assert lost["state"] == "lost"
        assert api.get("disputes", state="lost").json()["data"] == [lost]
        assert now(invoice).open == 119


class TestCollecting:
    def test_a_document_is_claimed_by_one(self, api, invoice):
        path = f"invoices/{invoice.number}/claim"
        mine = {"owner": "stripe:main", "key": "1"}

        first = send(api, path, mine, status=200)
        refused = api.post(path, {"owner": "hosted", "key": "1"}, once="other")

        assert first["owner"] == "stripe:main"
        assert code(refused) == (409, "claimed")
        for outcome in ("unknown", "failed"):
            done = send(
                api, f"{path}/release", mine | {"outcome": outcome}, status=200, once=outcome
            )
            assert done["outcome"] == outcome

    def test_ageing_says_who_owes_what(self, api, invoice):
        found = api.get("reports/ageing").json()

        [row] = found["data"]
        assert (row["payer"], row["owed"]) == (invoice.payer.key, ["0", "0", "119", "0", "0"])
        assert found["buckets"][2] == "31–60 days"
        assert found["sums"][0]["total"] == "119"
        past = api.get("reports/ageing", at="2020-01-01T00:00:00Z", payer=invoice.payer.key)
        assert past.json()["data"] == []

    def test_a_statement_comes_as_json_and_csv(self, api, invoice):
        asked = {
            "currency": "USD", "starts_at": "2020-01-01T00:00:00Z",
            "ends_at": "2100-01-01T00:00:00Z",
        }  # fmt: skip
        path = f"customers/{invoice.payer.key}/statement"

        made = api.get(path, **asked).json()
        written = api.get(path, **asked, format="csv")

        assert (made["closing"], made["lines"][0]["number"]) == ("119", invoice.number)
        assert written.headers["Content-Type"].startswith("text/csv")
        assert f",Invoice,{invoice.number},,119,,119,USD" in written.content.decode()

    def test_a_statement_comes_as_pdf(self, api, invoice):
        record(api, invoice.payer, "19")
        asked = {
            "currency": "USD", "starts_at": "2025-01-01T00:00:00Z",
            "ends_at": "2100-01-01T00:00:00Z", "format": "pdf",
        }  # fmt: skip
        path = f"customers/{invoice.payer.key}/statement"

        made = api.get(path, **asked, language="de")
        refused = api.get(path, **asked | {"ends_at": "2024-01-01T00:00:00Z"})

        assert made.headers["Content-Type"] == "application/pdf"
        assert f"statement-{invoice.payer.key}-USD-" in made.headers["Content-Disposition"]
        said = text_of(made.content)
        for words in ("Kontoauszug", invoice.number, "119,00", "Zahlung", "31–60 Tage", "100,00"):
            assert words in said
        assert code(refused) == (400, "invalid_input")

    def test_dunning_is_defined_arranged_and_ended(self, api, invoice):
        schedule = send(
            api, "dunning-schedules",
            {"key": "usual", "is_default": True,
             "steps": [{"after_days": 3, "act": "remind"}, {"after_days": 9, "act": "suspend"}]},
        )  # fmt: skip
        assert (schedule["version"], len(schedule["steps"])) == (1, 2)
        assert dunning.dun(at=clock()).acted == [invoice.pk]

        [row] = api.get("dunning").json()["data"]
        assert (row["invoice"], row["steps_done"], row["acts"][0]["act"]) == (
            invoice.number, 1, "remind",
        )  # fmt: skip
        path = f"invoices/{invoice.number}/dunning"
        later = (clock() + timedelta(days=5)).isoformat()
        paused = send(
            api, f"{path}/pause", {"until": later, "reason": "Asked"}, status=200, once="a"
        )
        assert paused["paused_until"] is not None
        promised = send(
            api, f"{path}/promise", {"until": later, "amount": "19", "reason": "Phone"},
            status=200, once="b",
        )  # fmt: skip
        assert promised["promised_amount"] == "19"
        resumed = send(api, f"{path}/resume", {}, status=200, once="c")
        assert resumed["promised_until"] is None
        stopped = send(api, f"{path}/stop", {"reason": "Goodwill"}, status=200, once="d")
        assert stopped["stopped_because"] == "Goodwill"
        assert api.get("dunning").json()["data"] == []
        assert len(api.get("dunning", is_open="false").json()["data"]) == 1
        ended = send(api, f"dunning-schedules/{schedule['id']}/end", {}, status=200, once="e")
        assert ended["effective_to"] is not None
        assert api.get("dunning-schedules", is_current="true", key="usual").json()["data"] == []
        assert Dunning.objects.get().is_suspended is False
        assert Customer.objects.get(pk=invoice.payer_id).is_active

    def test_books_stand_apart(self, invoice):
        made = pay(invoice.payer, 5)
        stranger = Api(factories.book())

        assert stranger.get(f"payments/{made.pk}").status_code == 404
        assert stranger.get("unapplied-cash").json()["data"] == []
        assert standing(stranger.book) == {}
