-- What was asked, taken, told and decided stays as it was: the application may only say how it went on.
REVOKE UPDATE, DELETE, TRUNCATE ON wallets_hold, wallets_holdpart, wallets_capture, wallets_capturedevent,
    wallets_grantschedule, wallets_walletshare, wallets_shareuse, wallets_creditprice, wallets_topup,
    wallets_topupevent, wallets_rechargerule, wallets_rechargestop, wallets_alert, wallets_alertfiring,
    wallets_approval FROM meterbook_app;
GRANT UPDATE (state, requested, captured, budget_ids, expires_at, closed_at) ON wallets_hold TO meterbook_app;
GRANT UPDATE (amount) ON wallets_holdpart TO meterbook_app;
GRANT UPDATE (remaining, taken, settled_at) ON wallets_capture TO meterbook_app;
GRANT UPDATE (arrived_at) ON wallets_capturedevent TO meterbook_app;
GRANT UPDATE (name, ends_at, issued, due_at) ON wallets_grantschedule TO meterbook_app;
GRANT UPDATE (amount, ended_at) ON wallets_walletshare TO meterbook_app;
GRANT UPDATE (used, held) ON wallets_shareuse TO meterbook_app;
GRANT UPDATE (state, rail, payment_key, grant_id, reason, taken_back, money_back, settled_at, closed_at)
    ON wallets_topup TO meterbook_app;
GRANT UPDATE (threshold, interval, anchor, time_zone, method, amount, most_per_day, most_per_month, currency_id, rail,
    state, reason, declines, rests_until, due_at) ON wallets_rechargerule TO meterbook_app;
GRANT UPDATE (ended_at) ON wallets_rechargestop TO meterbook_app;
GRANT UPDATE (threshold, emails, is_armed, firings, ended_at) ON wallets_alert TO meterbook_app;
GRANT UPDATE (state, decided_by_id, decided_at, outcome) ON wallets_approval TO meterbook_app;

-- A share counts the usage recorded after it was given. While it is, none is being recorded: whoever
-- records usage of a book has this lock shared.
ALTER TABLE wallets_walletshare ADD COLUMN since_id bigint NOT NULL DEFAULT 0;
CREATE FUNCTION wallets_begin_share() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1651860583, c.book_id::integer)
    FROM wallets_wallet w JOIN ledger_customer c ON c.id = w.customer_id WHERE w.id = NEW.wallet_id;
    NEW.since_id := ledger_next_id();
    RETURN NEW;
END $$;
CREATE TRIGGER begin_share BEFORE INSERT ON wallets_walletshare
    FOR EACH ROW EXECUTE FUNCTION wallets_begin_share();
