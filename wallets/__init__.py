"""Prepaid credit and limits: wallets, grants, burn-down. Knows the ledger alone."""
