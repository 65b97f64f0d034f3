"""What it costs and when it is due: meters, prices, usage. Knows wallets and ledger."""
