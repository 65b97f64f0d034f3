"""The admin of prepaid credit: wallets, grants, and what became of them."""

from wallets.admin import glance, grants, wallets

__all__ = ["glance", "grants", "wallets"]
