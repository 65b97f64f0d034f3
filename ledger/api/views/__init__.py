"""The views of the ledger package, a file per resource."""
