"""What must hold between limits and the usage that they count; see ``billing.checks``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.budgets import matching, recounting
from billing.models import Budget, BudgetUse
from ledger.money import ZERO, add, text
from ledger.verification import Disagreement
from wallets import shares
from wallets.models import ShareUse, WalletShare

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. Find out who wrote to"
    " billing_budgetuse or wallets_shareuse, or moved a customer, past the application."
)


_COUPON_REMEDY: Final = (
    "Charges of coupons are made by charging alone: find out who wrote to billing_charge past the"
    " application, and have the subscription looked at again."
)


def budgets_were_counted(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each budget has seen used is what events and entries say of its periods."""
    counting = Budget.objects.filter(ended_at=None).order_by("book_id")
    books = counting if book_id is None else counting.filter(book=book_id)
    for book in books.values_list("book_id", flat=True).distinct():
        budgets = matching.load(book)
        said: dict[tuple[int, datetime], Decimal] = {
            (budget_id, starts_at): amount
            for budget_id, starts_at, amount in BudgetUse.objects.filter(
                budget__in=[budget.id for budget in budgets.all]
            ).values_list("budget_id", "starts_at", "used")
            if amount
        }
        for budget in budgets.all:
            found = recounting.used(budget, budgets)
            mine = {place[1]: amount for place, amount in said.items() if place[0] == budget.id}
            for starts_at in sorted(found.keys() | mine.keys()):
                ours, theirs = mine.get(starts_at, ZERO), found.get(starts_at, ZERO)
                if ours != theirs:
                    detail = f"says {text(ours)} was used, usage comes to {text(theirs)}"
                    subject = f"{budget.key} from {starts_at.isoformat()}"
                    yield Disagreement("budgets", subject, detail, _REMEDY)


def coupons_keep_their_limits(*, book_id: int | None) -> Iterator[Disagreement]:
    """No redemption took something off more cycles, or more off one cycle, than its coupon says."""
    with connection.cursor() as cursor:
        cursor.execute(_COUPONS, {"book": book_id})
        for coupon, redemption, problem in cursor.fetchall():
            subject = f"redemption {redemption} of {coupon}"
            yield Disagreement("coupons", subject, problem, _COUPON_REMEDY)


def burned_units_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """What series say that each account gave of units is what went from it by usage."""
    with connection.cursor() as cursor:
        cursor.execute(_BURNED, {"book": book_id})
        for account, said, given in cursor.fetchall():
            detail = f"series burned {text(said)}, entries say {text(given)}"
            yield Disagreement("units", f"account {account}", detail, _REMEDY)


def budgets_are_held(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each period of a budget holds is what active holds that name it set aside."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"book": book_id})
        for key, starts_at, held, parts in cursor.fetchall():
            detail = f"{text(held)} held, {text(parts)} set aside by active holds"
            yield Disagreement("budgets", f"{key} from {starts_at.isoformat()}", detail, _HOLDS)


def shares_were_counted(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each share has seen used is what usage and captures took since it was given."""
    standing = WalletShare.objects.filter(ended_at=None).order_by("pk")
    if book_id is not None:
        standing = standing.filter(wallet__customer__book=book_id)
    for share in standing:
        found: defaultdict[datetime, Decimal] = defaultdict(Decimal)
        with connection.cursor() as cursor:
            cursor.execute(_SHARED, {"share": share.pk})
            for at, amount in cursor.fetchall():
                starts_at = shares.period_of(share, at).starts_at
                found[starts_at] = add(found[starts_at], amount)
        said = dict(ShareUse.objects.filter(share=share).values_list("starts_at", "used"))
        for starts_at in sorted(found.keys() | said.keys()):
            ours, theirs = said.get(starts_at, ZERO), found.get(starts_at, ZERO)
            if ours != theirs:
                detail = f"says {text(ours)} was used, usage comes to {text(theirs)}"
                subject = f"share {share.pk} from {starts_at.isoformat()}"
                yield Disagreement("shares", subject, detail, _REMEDY)


_HOLDS: Final = (
    "Holds are not in the journal: compare wallets_hold, wallets_holdpart and billing_budgetuse"
    " with a backup, and find out who wrote to them past the application."
)
_HELD: Final = """
    WITH held AS MATERIALIZED (
        SELECT u.id, sum(p.amount) AS amount
        FROM wallets_hold h
        JOIN wallets_holdpart p ON p.hold_id = h.id AND p.amount > 0, unnest(h.budget_ids) AS u (id)
        WHERE h.state = 'active' GROUP BY u.id
    )
    SELECT b.key, u.starts_at, u.held, coalesce(h.amount, 0)
    FROM billing_budgetuse u
    JOIN billing_budget b ON b.id = u.budget_id
    LEFT JOIN held h ON h.id = u.id
    WHERE u.held <> coalesce(h.amount, 0) AND (%(book)s::bigint IS NULL OR b.book_id = %(book)s)
    ORDER BY b.id, u.starts_at LIMIT 20
"""
_SHARED: Final = """
    WITH share AS (
        SELECT s.customer_id, s.since_id, g.account_id
        FROM wallets_walletshare s
        JOIN wallets_creditgrant g ON g.wallet_id = s.wallet_id
        WHERE s.id = %(share)s
    ), side AS (
        SELECT e.source_id, e.effective_at, e.credit_account_id AS other_id, e.amount,
               s.customer_id, s.since_id, e.transaction_id
        FROM share s JOIN ledger_entry e ON e.debit_account_id = s.account_id
        WHERE e.debit_account_id >= 4611686018427387904 AND e.id > s.since_id
        UNION ALL
        SELECT e.source_id, e.effective_at, e.debit_account_id, -e.amount,
               s.customer_id, s.since_id, e.transaction_id
        FROM share s JOIN ledger_entry e ON e.credit_account_id = s.account_id
        WHERE e.credit_account_id >= 4611686018427387904 AND e.id > s.since_id
    ), moved AS (
        SELECT s.*, t.kind, a.purpose
        FROM side s
        JOIN ledger_account a ON a.id = s.other_id AND a.purpose IN ('usage_revenue', 'captured')
        JOIN ledger_transaction t ON t.id = s.transaction_id
    ), counted AS (
        SELECT m.effective_at AS at, m.amount
        FROM moved m
        JOIN billing_usageevent v ON v.id = m.source_id AND v.customer_id = m.customer_id
        WHERE m.kind IN ('usage', 'correction') AND m.purpose = 'usage_revenue'
        UNION ALL
        SELECT m.effective_at, m.amount
        FROM moved m
        JOIN wallets_capture c ON c.transaction_id = m.transaction_id
             AND c.customer_id = m.customer_id
        WHERE m.kind = 'capture'
        UNION ALL  -- what was captured for usage counts no more once that has come
        SELECT c.created_at, m.amount
        FROM moved m
        JOIN billing_usageevent v ON v.id = m.source_id
        JOIN wallets_capturedevent n ON n.book_id = v.book_id AND n.source = v.source
             AND n.event_key = v.external_id
        JOIN wallets_capture c ON c.id = n.capture_id AND c.customer_id = m.customer_id
             AND c.transaction_id > m.since_id
        WHERE m.purpose = 'captured' AND m.amount < 0
    )
    SELECT at, sum(amount) FROM counted GROUP BY at
"""
# Account 0 stands for units that nothing covered.
_BURNED: Final = """
    WITH burned AS MATERIALIZED (
        SELECT id FROM ledger_account
        WHERE purpose = 'burned_units' AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ), given AS (
        SELECT account_id, sum(amount) AS amount FROM (
            SELECT debit_account_id AS account_id, amount FROM ledger_entry
            WHERE credit_account_id IN (SELECT id FROM burned)
            UNION ALL
            SELECT credit_account_id, -amount FROM ledger_entry
            WHERE debit_account_id IN (SELECT id FROM burned)) e
        GROUP BY account_id
    ), said AS (
        SELECT split_part(part, ':', 1)::bigint AS account_id,
               sum(split_part(part, ':', 2)::numeric) AS amount
        FROM billing_accrual a
        JOIN billing_meter m ON m.id = a.meter_id
        CROSS JOIN LATERAL jsonb_each_text(a.state -> 'units') AS stack (whose, taken)
        CROSS JOIN LATERAL unnest(string_to_array(nullif(stack.taken, ''), ',')) AS part
        WHERE a.state ? 'units' AND (%(book)s::bigint IS NULL OR m.book_id = %(book)s)
        GROUP BY 1
    )
    SELECT account_id, coalesce(said.amount, 0), coalesce(given.amount, 0)
    FROM given FULL JOIN said USING (account_id)
    WHERE account_id <> 0 AND coalesce(said.amount, 0) <> coalesce(given.amount, 0)
    ORDER BY account_id LIMIT 20
"""
_COUPONS: Final = """
    SELECT c.key, r.id,
           CASE WHEN count(*) > max(n.cycles)
                THEN format('took something off %%s cycles of %%s', count(*), max(n.cycles))
                ELSE format('took %%s off a cycle, %%s at the most', trim_scale(-min(h.posted)),
                            trim_scale(c.amount)) END
    FROM billing_charge h
    JOIN billing_couponredemption r ON r.id = split_part(h.key, ':', 2)::bigint
    JOIN billing_coupon c ON c.id = r.coupon_id
    CROSS JOIN LATERAL (SELECT CASE c.duration WHEN 'once' THEN 1 WHEN 'periods' THEN c.periods
                               ELSE 2147483647 END AS cycles) n
    WHERE h.kind = 'coupon' AND h.posted <> 0
      AND (%(book)s::bigint IS NULL OR h.book_id = %(book)s)
    GROUP BY c.id, c.key, c.amount, r.id
    HAVING count(*) > max(n.cycles) OR -min(h.posted) > c.amount
    ORDER BY c.key, r.id LIMIT 20
"""
