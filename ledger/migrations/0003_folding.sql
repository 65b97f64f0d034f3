-- Folding deltas into day buckets and balances, and what else needs more rights than the application has.

ALTER TABLE ledger_bucket SET (fillfactor = 70);

-- Folds final transactions past the watermark: those whose writer's xid is below every running one, in
-- (xid, id) order, so that none can still appear before those already taken. One call takes at most so many
-- entries (or one transaction). Returns how many transactions; null while another session folds.
CREATE FUNCTION ledger_fold(most_entries bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
    mark record;
    taken record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ledger_fold'), 0) THEN
        RETURN NULL;
    END IF;
    INSERT INTO ledger_watermark (name, xid, position) VALUES ('fold', 0, 0) ON CONFLICT DO NOTHING;
    SELECT xid::text::xid8 AS xid, position INTO mark FROM ledger_watermark WHERE name = 'fold' FOR UPDATE;
    WITH final AS (
        SELECT r.xid, r.transaction_id, r.entries FROM ledger_receipt r
        WHERE (r.xid, r.transaction_id) > (mark.xid, mark.position)
          AND r.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY r.xid, r.transaction_id LIMIT 1000
    ), batch AS MATERIALIZED (
        SELECT f.xid, f.transaction_id, t.period_id,
               (ledger_instant_of(f.transaction_id) AT TIME ZONE 'UTC')::date AS posted_date
        FROM (SELECT *, sum(entries) OVER (ORDER BY xid, transaction_id) - entries AS before FROM final) f
        JOIN ledger_transaction t ON t.id = f.transaction_id
        WHERE f.before < most_entries
    -- Found through the block index by ranges of ids of some seconds each: a late straggler costs a range of its own.
    ), span AS MATERIALIZED (
        SELECT min(transaction_id) AS first, max(transaction_id) AS last FROM batch GROUP BY transaction_id >> 35
    ), moved AS MATERIALIZED (
        SELECT d.account_id, d.effective_date, b.posted_date, b.period_id,
               sum(d.debits) AS debits, sum(d.credits) AS credits, sum(d.entries) AS entries
        FROM span s
        CROSS JOIN LATERAL (SELECT * FROM ledger_delta WHERE transaction_id BETWEEN s.first AND s.last OFFSET 0) d
        JOIN batch b ON b.transaction_id = d.transaction_id
        GROUP BY d.account_id, d.effective_date, b.posted_date, b.period_id
    ), bucketed AS (
        INSERT INTO ledger_bucket AS k (account_id, effective_date, posted_date, period_id, debits, credits, entries)
        SELECT * FROM moved
        ON CONFLICT (account_id, effective_date, posted_date, period_id) DO UPDATE
        SET debits = k.debits + excluded.debits, credits = k.credits + excluded.credits, entries = k.entries + excluded.entries
    ), balanced AS (
        UPDATE ledger_balance b
        SET debits = b.debits + m.debits, credits = b.credits + m.credits, version = b.version + 1
        FROM (SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM moved GROUP BY account_id) m
        WHERE b.account_id = m.account_id AND NOT b.is_guarded
    )
    SELECT count(*) OVER () AS transactions, xid, transaction_id INTO taken
    FROM batch ORDER BY xid DESC, transaction_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    UPDATE ledger_watermark SET xid = taken.xid::text::numeric, position = taken.transaction_id WHERE name = 'fold';
    RETURN taken.transactions;
END $$;

-- Who may not change the buckets may not move their watermark either, nor open an account that holds something.
REVOKE INSERT, UPDATE ON ledger_bucket FROM meterbook_app;
CREATE FUNCTION ledger_guard_watermark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_table_privilege('ledger_bucket', 'UPDATE') THEN
        RAISE EXCEPTION 'only folding moves its watermark' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_watermark_fold BEFORE INSERT ON ledger_watermark
    FOR EACH ROW WHEN (NEW.name = 'fold') EXECUTE FUNCTION ledger_guard_watermark();
CREATE TRIGGER ledger_watermark_fold_kept BEFORE UPDATE ON ledger_watermark
    FOR EACH ROW WHEN ('fold' IN (OLD.name, NEW.name)) EXECUTE FUNCTION ledger_guard_watermark();
ALTER TABLE ledger_watermark ENABLE ALWAYS TRIGGER ledger_watermark_fold;
ALTER TABLE ledger_watermark ENABLE ALWAYS TRIGGER ledger_watermark_fold_kept;

CREATE FUNCTION ledger_guard_opening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an account is opened empty: post what it holds'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance_opens_empty', TABLE = 'ledger_balance';
END $$;
CREATE TRIGGER ledger_balance_opens_empty BEFORE INSERT ON ledger_balance
    FOR EACH ROW WHEN (NEW.debits <> 0 OR NEW.credits <> 0 OR NEW.held <> 0) EXECUTE FUNCTION ledger_guard_opening();
ALTER TABLE ledger_balance ENABLE ALWAYS TRIGGER ledger_balance_opens_empty;

-- A period keeps its book and its bounds: what was posted into it stays where it was posted.
REVOKE UPDATE ON ledger_period FROM meterbook_app;
GRANT UPDATE (state, closed_at) ON ledger_period TO meterbook_app;

-- Makes the months' partitions of every partitioned table. Rows that went into the default partition while none
-- were made are moved to where they belong: left there, they would keep their month from ever being made.
CREATE OR REPLACE FUNCTION ledger_ensure_partitions(first timestamptz, last timestamptz) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    key text;
    earliest timestamptz;
    month timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_ensure_partitions'));
    FOR parent, key IN
        SELECT n.name, a.attname FROM ledger_partitioned n
        JOIN pg_partitioned_table p ON p.partrelid = to_regclass(n.name)
        JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] ORDER BY n.name
    LOOP
        EXECUTE format('SELECT ledger_instant_of(min(%I)) FROM %I', key, parent || '_default') INTO earliest;
        FOR month IN SELECT generate_series(date_trunc('month', least(first, earliest)), date_trunc('month', last), interval '1 month') LOOP
            made := made + ledger_make_partition(parent, key, month, earliest IS NOT NULL);
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION ledger_make_partition(parent text, key text, month timestamptz, may_have_rows boolean) RETURNS integer LANGUAGE plpgsql
    SET timezone = 'UTC' AS $$
DECLARE
    child text := parent || to_char(month, '_YYYY_MM');
    spare text := parent || '_default';
    low bigint := ledger_first_id_at(month);
    high bigint := ledger_first_id_at(month + interval '1 month');
BEGIN
    IF to_regclass(child) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    IF may_have_rows THEN
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER append_only', spare);
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %s AND %I < %s RETURNING *) INSERT INTO %I SELECT * FROM moved',
            spare, key, low, key, high, child);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', spare);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, child, low, high);
    CALL ledger_guard_partition(child);
    RETURN 1;
END $$;

CREATE FUNCTION ledger_default_rows() RETURNS TABLE (name text, has_rows boolean) LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOR name IN SELECT p.name FROM ledger_partitioned p ORDER BY p.name LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name || '_default') INTO has_rows;
        RETURN NEXT;
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION ledger_fold(bigint), ledger_ensure_partitions(timestamptz, timestamptz),
    ledger_make_partition(text, text, timestamptz, boolean), ledger_default_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_fold(bigint), ledger_ensure_partitions(timestamptz, timestamptz), ledger_default_rows()
    TO meterbook_app;
