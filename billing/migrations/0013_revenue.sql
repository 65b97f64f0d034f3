-- When a charge of a customer's own is looked at again; what becomes of late usage.
GRANT UPDATE (scheduled_at) ON billing_charge TO meterbook_app;
GRANT UPDATE (late_usage) ON billing_meter TO meterbook_app;

-- What closing found, and that a period was opened again, stays as it was written.
CALL ledger_make_append_only('billing_closingcheck');
CALL ledger_make_append_only('billing_reopening');
REVOKE UPDATE, DELETE, TRUNCATE ON billing_closing FROM meterbook_app;
GRANT UPDATE (started_at, started_by, closed_at, closed_by) ON billing_closing TO meterbook_app;

-- Since when a running value has usage from before its period.
REVOKE UPDATE, DELETE, TRUNCATE ON billing_lateusage FROM meterbook_app;
GRANT UPDATE (earliest_at) ON billing_lateusage TO meterbook_app;
