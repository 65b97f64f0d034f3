-- What was counted and priced stays explained: the application may rename, archive and map, not redefine.
REVOKE UPDATE, DELETE, TRUNCATE ON billing_meter, billing_rate, billing_ratecard, billing_subject,
    billing_billingprofile, billing_unattributedevent, billing_deadletter FROM meterbook_app;
REVOKE DELETE, TRUNCATE ON billing_accrual FROM meterbook_app;
GRANT UPDATE (name, archived_at) ON billing_meter TO meterbook_app;
GRANT UPDATE (name, is_default) ON billing_ratecard TO meterbook_app;
GRANT UPDATE (customer_id) ON billing_subject TO meterbook_app;
GRANT UPDATE (rate_card_id, settlement, credit_limit) ON billing_billingprofile TO meterbook_app;
GRANT UPDATE (posted_at, event_id) ON billing_unattributedevent TO meterbook_app;
GRANT UPDATE (times, status, resolved_at) ON billing_deadletter TO meterbook_app;
