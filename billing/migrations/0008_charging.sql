-- What charging keeps beside what it may already change.
GRANT UPDATE (postings) ON billing_subscription TO meterbook_app;
GRANT UPDATE (postings, settled_at) ON billing_contract TO meterbook_app;
GRANT UPDATE (earned_until) ON billing_charge TO meterbook_app;
