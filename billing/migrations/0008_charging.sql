-- What charging keeps beside what it may already change.
GRANT UPDATE (postings) ON billing_subscription TO meterbook_app;
GRANT UPDATE (postings, settled_at) ON billing_contract TO meterbook_app;
GRANT UPDATE (earned_until) ON billing_charge TO meterbook_app;

-- The latest clock of a book says how far ahead usage may be: a new one moves the catalogue as well.
CREATE TRIGGER bump_catalogue_by_clock AFTER INSERT ON ledger_testclock
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
