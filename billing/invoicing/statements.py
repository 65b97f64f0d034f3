"""The statements that drafts are read by."""

from __future__ import annotations

from typing import Final

FIND: Final = """
    SELECT b.id
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (customer_id, until)
    JOIN billing_billable b ON b.customer_id = n.customer_id
    WHERE b.settled_at IS NULL AND b.due_at <= n.until
"""
LOCK: Final = FIND + " ORDER BY b.accrual_id, b.charge_id FOR NO KEY UPDATE OF b"

# What was never billed has no cut: its ten zeros are not read.
_BILLED: Final = """b.id, b.customer_id, b.asset_id, b.due_at,
           CASE WHEN b.cut <> '' THEN b.billed END, b.cut"""
USAGE: Final = f"""
    SELECT {_BILLED}, a.quantity, a.amount, a.events, a.taken, (a.state -> 'priced')::text,
           a.period_start, a.rate_id, a.meter_id, r.unit_price, r.terms::text, r.match::text,
           t.scale, r.effective_from, i.id, i.name, i.rate_card_id, i.tax_config::text, s.id,
           s.key, s.settlement_mode, pg_current_snapshot()::text
    FROM unnest(%s::bigint[]) AS l (id)
    JOIN billing_billable b ON b.id = l.id
    JOIN billing_accrual a ON a.id = b.accrual_id
    JOIN billing_rate r ON r.id = a.rate_id
    JOIN ledger_asset t ON t.id = r.asset_id
    LEFT JOIN billing_subscriptionitem i ON i.rate_id = a.rate_id
    LEFT JOIN billing_subscription s ON s.id = i.subscription_id
"""  # noqa: S608 - fixed fragments
CHARGES: Final = f"""
    SELECT {_BILLED}, c.kind, c.name, c.posted, c.taken, c.starts_at, c.ends_at, c.due_at,
           c.contract_id, c.product, c.tax_code, c.quantity, c.unit_price, h.explanation::text,
           i.id, i.key, i.rate_card_id, i.tax_config::text, s.id, s.key, s.settlement_mode,
           pg_current_snapshot()::text
    FROM unnest(%s::bigint[]) AS l (id)
    JOIN billing_billable b ON b.id = l.id
    JOIN billing_charge c ON c.id = b.charge_id
    LEFT JOIN billing_subscriptionitem i ON i.id = c.item_id
    LEFT JOIN billing_subscription s ON s.id = c.subscription_id
    LEFT JOIN LATERAL (
        SELECT explanation FROM billing_chargechange
        WHERE charge_id = c.id AND reason <> 'earned' ORDER BY id DESC LIMIT 1) h ON true
"""  # noqa: S608 - fixed fragments
ACCOUNTS: Final = """
    SELECT a.id, a.purpose, g.id, g.funding
    FROM ledger_account a LEFT JOIN wallets_creditgrant g ON g.account_id = a.id
    WHERE a.id = ANY(%s::bigint[])
"""
VERSIONS: Final = """
    SELECT c.id, coalesce(p.key || ' v' || v.version, d.key || ' v' || w.version)
    FROM billing_planratecard c
    LEFT JOIN billing_planphase f ON f.id = c.phase_id
    LEFT JOIN billing_planversion v ON v.id = f.plan_version_id
    LEFT JOIN billing_plan p ON p.id = v.plan_id
    LEFT JOIN billing_addonversion w ON w.id = c.addon_version_id
    LEFT JOIN billing_addon d ON d.id = w.addon_id
    WHERE c.id = ANY(%s::bigint[])
"""
# A discount given by hand belongs to all lines of its document, by what is due of them.
EARLIER: Final = """
    SELECT l.billable_id, l.id, i.id, i.kind, i.number, i.payer_id, i.group_key, i.series_key,
           l.due, (SELECT coalesce(sum(
                       CASE o.kind WHEN 'credit_note' THEN n.due ELSE -n.due END), 0)
                   FROM billing_invoiceline n JOIN billing_invoice o ON o.id = n.invoice_id
                   WHERE n.corrects_line_id = l.id AND o.number <> '' AND o.state <> 'void'),
           CASE WHEN l.due > 0 THEN least(l.due, l.due * w.discount / w.owed) ELSE 0 END,
           w.due - (SELECT coalesce(sum(n.due), 0)
                    FROM billing_invoiceline n JOIN billing_invoice o ON o.id = n.invoice_id
                    WHERE o.corrects_id = i.id AND o.kind = 'credit_note' AND o.number <> ''
                      AND o.state <> 'void'),
           l.details::text, l.sources::text, l.tax_code, l.category, l.jurisdiction, l.percentage,
           l.is_inclusive
    FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
    CROSS JOIN LATERAL (
        SELECT sum(d.due) AS due, sum(greatest(d.due, 0)) AS owed,
               coalesce(-sum(d.due) FILTER (
                   WHERE d.due < 0 AND d.billable_id IS NULL AND d.corrects_line_id IS NULL), 0)
                   AS discount
        FROM billing_invoiceline d WHERE d.invoice_id = i.id) w
    WHERE l.billable_id = ANY(%s::bigint[]) AND i.number <> '' AND i.state <> 'void'
    ORDER BY l.billable_id, l.id DESC
"""
