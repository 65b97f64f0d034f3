"""
What comes back at the end of a contract's term for all that was spent in it.

It is taken off what stands to be invoiced, and so becomes a credit note; where a customer is never
invoiced, it goes back to the credit that paid.
"""

from __future__ import annotations

from billing.charging import rebates
from billing.charging.agreement import TICK
from billing.charging.reading import exponent_of
from billing.charging.slips import Line, Sources
from billing.contracts.drawing import drawn, takings_of
from billing.models import Charge, Contract
from ledger.money import ZERO, negate, subtract, text
from ledger.periods import Period


def line(contract: Contract, *, is_credit_only: bool) -> Line | None:
    """Return by how much the rebate of a term that is over has changed; None: it has not."""
    agreed = rebates.parse(contract.rebates)
    if agreed is None:
        return None
    spent = drawn(contract, _term(contract))
    back = agreed.amount(spent, exponent_of(contract.asset))
    charge = Charge.objects.filter(contract=contract, kind=Charge.Kind.REBATE).first()
    charge = charge or _charge(contract)
    change = subtract(negate(back), charge.posted)
    if not change:
        return None
    sources = None
    if is_credit_only:
        paid = takings_of(contract, _term(contract))
        sources = Sources(mine=paid, cycle=[*paid, charge])
    return Line(
        charge=charge,
        amount=change,
        effective_at=contract.ends_at - TICK,
        label=contract.key,
        explanation={"spent": text(spent), "rebate": text(back), "agreed": agreed.document()},
        sources=sources,
    )


def _term(contract: Contract) -> Period:
    return Period(contract.starts_at, contract.ends_at)


def _charge(contract: Contract) -> Charge:
    return Charge(
        book_id=contract.book_id,
        customer_id=contract.customer_id,
        key=f"{Charge.Kind.REBATE}:{contract.pk}",
        kind=Charge.Kind.REBATE,
        contract=contract,
        asset_id=contract.asset_id,
        name=f"Rebate of {contract.name or contract.key}",
        starts_at=contract.starts_at,
        ends_at=contract.ends_at,
        due_at=contract.ends_at,
        posted=ZERO,
        earned=ZERO,
        updated_at=contract.ends_at,
    )
