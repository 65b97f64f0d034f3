"""A grant as burn-down sees it."""

from ledger.money import ZERO
from wallets.burndown import Lot
from wallets.models import CreditGrant


def lot_of(grant: CreditGrant) -> Lot:
    """Return a grant's lot; what remains in it is for its locked balance to say."""
    return Lot(
        account_id=grant.account_id,
        grant_id=grant.pk,
        remaining=ZERO,
        effective_at=grant.effective_at,
        expires_at=grant.expires_at,
        priority=grant.priority,
        features=frozenset(grant.feature_keys),
        is_promotional=grant.funding == CreditGrant.Funding.PROMOTIONAL,
    )
