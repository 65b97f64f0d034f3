-- A total needs more digits than any amount: two amounts as large as an entry may have must not keep the folder
-- from adding them up. 26 digits before the point for an amount, 48 for a total.
DROP TRIGGER ledger_balance_opens_empty ON ledger_balance;
ALTER TABLE ledger_balance ALTER debits TYPE numeric(60, 12), ALTER credits TYPE numeric(60, 12);
CREATE TRIGGER ledger_balance_opens_empty BEFORE INSERT ON ledger_balance
    FOR EACH ROW WHEN (NEW.debits <> 0 OR NEW.credits <> 0 OR NEW.held <> 0) EXECUTE FUNCTION ledger_guard_opening();
ALTER TABLE ledger_balance ENABLE ALWAYS TRIGGER ledger_balance_opens_empty;
ALTER TABLE ledger_bucket ALTER debits TYPE numeric(60, 12), ALTER credits TYPE numeric(60, 12);
