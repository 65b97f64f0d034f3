-- What is posted was held to a code, a scale, a time zone: the application may rename things, not redefine them.
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_asset, ledger_book, ledger_customer FROM meterbook_app;
GRANT UPDATE (name) ON ledger_asset TO meterbook_app;
GRANT UPDATE (name, tax_ids) ON ledger_book TO meterbook_app;
GRANT UPDATE (name, metadata, is_active, parent_id) ON ledger_customer TO meterbook_app;
