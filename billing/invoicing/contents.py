"""
What a document says, as one digest: kept with it and, sealed, with its posting.

The database computes it from header, lines and taxes, when a document is issued and again when
the books are verified. Left out is what moves afterwards (what is paid of it), and the number,
which is only known when all is posted: the document's history holds that, which nobody changes.
"""

from __future__ import annotations

from typing import Final

# Instants as seconds, so that the session's time zone says nothing.
_HEADER: Final = """
    i.id, i.book_id, i.kind, i.payer_id, i.asset_id, i.group_key, i.corrects_id, i.key,
    i.reason_code, i.reason, i.series_key, i.subtotal, i.credit, i.included_tax, i.taxable, i.tax,
    i.total, i.prepaid, i.due, extract(epoch FROM i.until), extract(epoch FROM i.period_starts_at),
    extract(epoch FROM i.period_ends_at), i.supplier, i.party, i.tax_decision, i.purchase_order,
    i.cost_centre, i.note, i.payment_terms
"""
_LINE: Final = """
    l.id, l.position, l.kind, l.billable_id, l.consumer_id, l.beneficiary_id, l.item_id, l.rate_id,
    l.contract_id, l.description, l.details, extract(epoch FROM l.period_starts_at),
    extract(epoch FROM l.period_ends_at), l.quantity, l.unit, l.unit_price, l.arithmetic,
    l.price_version, l.amount, l.promotional, l.paid, l.due, l.exact_due, l.exact_overdraft,
    l.before, l.upto, l.cut_from, l.cut_to, l.sources, l.corrects_line_id, l.edit_key, l.product,
    l.tax_code, l.is_inclusive, l.category, l.jurisdiction, l.percentage, l.taxable, l.tax
"""
_TAX: Final = """
    t.jurisdiction, t.category, t.percentage, t.is_inclusive, t.code, t.note, t.base, t.tax
"""


def digest_by(dates: str) -> str:
    """Return the digest of the document ``i`` in SQL, dated as the row named ``dates`` says."""
    said = f"{_HEADER}, {dates}.issue_date, {dates}.due_date, {dates}.tax_date"
    return f"""
    sha256(convert_to(concat_ws(E'\\n', jsonb_build_array({said})::text,
        (SELECT string_agg(jsonb_build_array({_LINE})::text, E'\\n' ORDER BY l.position)
         FROM billing_invoiceline l WHERE l.invoice_id = i.id),
        (SELECT string_agg(jsonb_build_array({_TAX})::text, E'\\n' ORDER BY t.id)
         FROM billing_invoicetax t WHERE t.invoice_id = i.id)), 'UTF8'))
"""  # noqa: S608 - fixed fragments


DIGEST: Final = digest_by("i")
