"""The tables of prepaid credit; see wallets/README.md."""

from wallets.models.wallets import CreditGrant, Wallet

__all__ = ["CreditGrant", "Wallet"]
