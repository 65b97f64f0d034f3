"""Who owes whom: books, accounts, transactions, balances. Knows no price, plan, wallet or rail."""
