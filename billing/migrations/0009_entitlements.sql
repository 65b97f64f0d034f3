-- What was allowed is never rewritten: the application may end it, count its use, or raise a budget.
REVOKE UPDATE, DELETE, TRUNCATE ON billing_budget, billing_budgetuse, billing_budgetapproval FROM meterbook_app;
GRANT UPDATE (name, amount, action, warn_at, ended_at) ON billing_budget TO meterbook_app;
GRANT UPDATE (used, held, extra, warned_at) ON billing_budgetuse TO meterbook_app;

-- Ingest remembers a book's budgets and shares until the catalogue's number moves.
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_budget
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON wallets_walletshare
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
