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

-- A closed period is opened again by who says so: the row that records it is there by the end of the transaction.
CREATE FUNCTION billing_check_reopened() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM billing_reopening r
                   WHERE r.period_id = NEW.id AND r.reopened_at >= OLD.closed_at) THEN
        RAISE EXCEPTION 'period % was opened again, and nothing says by whom and why', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_reopening_recorded';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reopening_recorded AFTER UPDATE OF state ON ledger_period
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state = 'closed' AND NEW.state <> 'closed')
    EXECUTE FUNCTION billing_check_reopened();
ALTER TABLE ledger_period ENABLE ALWAYS TRIGGER reopening_recorded;
