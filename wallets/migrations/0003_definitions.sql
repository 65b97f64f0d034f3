-- What credit was granted for stays what it was: the application may rename it and say when it ended.
REVOKE UPDATE, DELETE, TRUNCATE ON wallets_wallet, wallets_creditgrant FROM meterbook_app;
GRANT UPDATE (name) ON wallets_wallet TO meterbook_app;
GRANT UPDATE (name, voided_at, expired_at) ON wallets_creditgrant TO meterbook_app;
