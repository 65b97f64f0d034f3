GRANT UPDATE (clock_id) ON ledger_customer TO meterbook_app;
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_testclock FROM meterbook_app;
GRANT UPDATE (name, now_at, target_at) ON ledger_testclock TO meterbook_app;
-- A clock only goes forward, and a customer lives by the clock of its own book.
CREATE FUNCTION ledger_guard_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.now_at < OLD.now_at THEN
        RAISE EXCEPTION 'clock % stands at % and only goes forward', OLD.key, OLD.now_at USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_testclock_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_forward BEFORE UPDATE ON ledger_testclock FOR EACH ROW EXECUTE FUNCTION ledger_guard_clock();
ALTER TABLE ledger_testclock ENABLE ALWAYS TRIGGER only_forward;
CREATE FUNCTION ledger_guard_customer_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger_testclock WHERE id = NEW.clock_id AND book_id = NEW.book_id) THEN
        RAISE EXCEPTION 'the clock is of another book' USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_customer_clock_of_book';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER clock_of_book BEFORE INSERT OR UPDATE OF clock_id, book_id ON ledger_customer
    FOR EACH ROW WHEN (NEW.clock_id IS NOT NULL) EXECUTE FUNCTION ledger_guard_customer_clock();
