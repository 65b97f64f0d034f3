-- The journal: transactions, entries, and what the database derives from them.
-- ledger/README.md explains the shape; this file is frozen with its migration.

-- A time-ordered id: milliseconds since 2025 (41 bits), a sequence (8 bits), and 14 bits left free
-- for the lines of whatever the id heads: entry ids are their transaction's id + 1, + 2, ...
CREATE SEQUENCE ledger_id_seq;
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_number CHECK (
    (id >> 48) & 16383 = book_id AND (id >> 32) & 65535 = asset_id AND (id >> 62 = 1) = (customer_id IS NOT NULL)
);
-- A batch rewrites most of a small table's rows: room on the page for a few versions of each keeps updates off
-- the index, and vacuum comes often.
ALTER TABLE ledger_balance SET (fillfactor = 25, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE ledger_period ADD CONSTRAINT ledger_period_no_overlap
    EXCLUDE USING gist (int8range(book_id, book_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&);

-- An account's number says whose it is, in which book and what it holds, so that a CHECK on the entry alone
-- keeps books and assets apart: customer's (1 bit), book (14), asset (16), serial (32).
CREATE SEQUENCE ledger_account_seq MAXVALUE 4294967295;

CREATE FUNCTION ledger_next_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1735689600000) << 22)
         | ((nextval('ledger_id_seq') & 255) << 14)
$$;

CREATE FUNCTION ledger_instant_of(id bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_timestamp((1735689600000 + (id >> 22)) / 1000.0)
$$;

CREATE FUNCTION ledger_first_id_at(instant timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ((extract(epoch FROM instant) * 1000)::bigint - 1735689600000) << 22
$$;

CREATE TABLE ledger_transaction (
    id bigint PRIMARY KEY DEFAULT ledger_next_id(),
    book_id bigint NOT NULL REFERENCES ledger_book,
    kind text NOT NULL CHECK (kind <> ''),
    key text NOT NULL CHECK (key <> ''),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    effective_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL GENERATED ALWAYS AS (ledger_instant_of(id)) STORED,
    period_id bigint NOT NULL REFERENCES ledger_period,
    reverses_id bigint UNIQUE REFERENCES ledger_transaction,
    cause text NOT NULL DEFAULT '',
    memo text NOT NULL DEFAULT '',
    metadata jsonb NOT NULL DEFAULT '{}',
    evidence bytea,
    CONSTRAINT ledger_transaction_key UNIQUE (book_id, key),
    CONSTRAINT ledger_transaction_id_heads_lines CHECK (id & 16383 = 0)
);
CREATE INDEX ledger_transaction_effective ON ledger_transaction (book_id, effective_at);

CREATE TABLE ledger_entry (
    id bigint NOT NULL PRIMARY KEY,
    transaction_id bigint NOT NULL,
    debit_account_id bigint NOT NULL,
    credit_account_id bigint NOT NULL,
    amount numeric(38, 12) NOT NULL,
    effective_at timestamptz NOT NULL,
    source_id bigint,
    CONSTRAINT ledger_entry_amount_positive CHECK (amount > 0 AND amount <> 'NaN'),
    CONSTRAINT ledger_entry_moves_something CHECK (debit_account_id <> credit_account_id),
    CONSTRAINT ledger_entry_same_book_and_asset CHECK ((debit_account_id >> 32) & 1073741823 = (credit_account_id >> 32) & 1073741823),
    CONSTRAINT ledger_entry_in_transaction CHECK (id > transaction_id AND id < transaction_id + 16384)
) PARTITION BY RANGE (id);
-- Only customers' accounts (the top bit of their number) are found by account: a house account sees every
-- entry of its kind, so it is read through its deltas instead.
CREATE INDEX ledger_entry_debit ON ledger_entry (debit_account_id, effective_at)
    WHERE debit_account_id >= 4611686018427387904;
CREATE INDEX ledger_entry_credit ON ledger_entry (credit_account_id, effective_at)
    WHERE credit_account_id >= 4611686018427387904;

CREATE TABLE ledger_delta (
    transaction_id bigint NOT NULL,
    account_id bigint NOT NULL,
    effective_date date NOT NULL,
    debits numeric(38, 12) NOT NULL,
    credits numeric(38, 12) NOT NULL,
    entries integer NOT NULL,
    PRIMARY KEY (account_id, transaction_id, effective_date) INCLUDE (debits, credits) -- read without a look at the rows
) PARTITION BY RANGE (transaction_id);
-- Deltas arrive in transaction order: a block index finds a transaction's deltas at no cost to the writer.
CREATE INDEX ledger_delta_transaction ON ledger_delta USING brin (transaction_id) WITH (pages_per_range = 16, autosummarize = on);

-- One receipt closes each transaction: nothing can be added to it afterwards. It carries the digest
-- that the seals chain, and the writer's xid, by which sealer and folder know what is final.
CREATE TABLE ledger_receipt (
    transaction_id bigint PRIMARY KEY REFERENCES ledger_transaction,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    entries integer NOT NULL CHECK (entries > 0),
    digest bytea NOT NULL
);
CREATE INDEX ledger_receipt_final ON ledger_receipt (xid, transaction_id);

-- What a digest covers; ledger/moves.py writes the same lines.
CREATE FUNCTION ledger_entry_line(
    id bigint, debit_account_id bigint, credit_account_id bigint, amount numeric, effective_at timestamptz, source_id bigint
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat_ws('|', id, debit_account_id, credit_account_id, trim_scale(amount),
        (extract(epoch FROM effective_at) * 1000000)::bigint, coalesce(source_id::text, ''))
$$;

CREATE FUNCTION ledger_header_line(t ledger_transaction, entries bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat_ws('|', t.id, t.book_id, encode(convert_to(t.kind, 'UTF8'), 'hex'), encode(convert_to(t.key, 'UTF8'), 'hex'),
        encode(t.fingerprint, 'hex'), (extract(epoch FROM t.effective_at) * 1000000)::bigint,
        (extract(epoch FROM t.posted_at) * 1000000)::bigint, t.period_id, coalesce(t.reverses_id::text, ''), entries,
        encode(convert_to(t.cause, 'UTF8'), 'hex'), encode(convert_to(t.memo, 'UTF8'), 'hex'),
        encode(convert_to(t.metadata::text, 'UTF8'), 'hex'), encode(coalesce(t.evidence, ''), 'hex'))
$$;

-- Runs once per statement that inserts entries: checks them, moves the balances, writes the receipt.
CREATE FUNCTION ledger_project_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    accounts bigint;
    known bigint;
BEGIN
    INSERT INTO ledger_receipt (transaction_id, entries, digest)
    SELECT s.transaction_id, s.entries, sha256(convert_to(ledger_header_line(t, s.entries) || E'\n' || s.lines, 'UTF8'))
    FROM (SELECT e.transaction_id, count(*) AS entries, string_agg(
              ledger_entry_line(e.id, e.debit_account_id, e.credit_account_id, e.amount, e.effective_at, e.source_id),
              E'\n' ORDER BY e.id) AS lines
          FROM added e GROUP BY e.transaction_id) s
    LEFT JOIN ledger_transaction t ON t.id = s.transaction_id -- without one, the receipt's foreign key refuses
    ORDER BY s.transaction_id;

    -- Locked in account order, so that two writers never wait for each other in a circle.
    PERFORM 1 FROM ledger_balance
    WHERE is_guarded AND account_id IN (
        SELECT debit_account_id FROM added WHERE debit_account_id >= 4611686018427387904
        UNION SELECT credit_account_id FROM added WHERE credit_account_id >= 4611686018427387904)
    ORDER BY account_id FOR NO KEY UPDATE;

    WITH moved AS (
        INSERT INTO ledger_delta (transaction_id, account_id, effective_date, debits, credits, entries)
        SELECT transaction_id, account_id, effective_date, sum(debit), sum(credit), count(*)
        FROM (SELECT transaction_id, debit_account_id AS account_id, (effective_at AT TIME ZONE 'UTC')::date AS effective_date,
                     amount AS debit, 0 AS credit FROM added
              UNION ALL
              SELECT transaction_id, credit_account_id, (effective_at AT TIME ZONE 'UTC')::date, 0, amount FROM added) side
        GROUP BY account_id, transaction_id, effective_date
        ORDER BY account_id -- neighbours in the index are written together
        RETURNING account_id, debits, credits
    ), touched AS MATERIALIZED (
        SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM moved GROUP BY account_id
    ), balanced AS (
        UPDATE ledger_balance b
        SET debits = b.debits + t.debits, credits = b.credits + t.credits, version = b.version + 1
        FROM touched t WHERE b.account_id = t.account_id AND b.is_guarded
    )
    SELECT count(*), count(b.account_id) INTO accounts, known
    FROM touched t LEFT JOIN ledger_balance b ON b.account_id = t.account_id;
    IF accounts <> known THEN
        RAISE EXCEPTION 'an entry names an account that does not exist'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_entry_account', TABLE = 'ledger_entry';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_project AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_project_entries();
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_project;

-- A transaction posts into an open period of its own book. The shared lock lasts until commit, and closing
-- takes it exclusively: what races with a close is either in before it or refused.
CREATE FUNCTION ledger_guard_period() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    period record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('ledger_period'), NEW.period_id::integer);
    SELECT book_id, state INTO period FROM ledger_period WHERE id = NEW.period_id;
    IF period.book_id IS DISTINCT FROM NEW.book_id THEN
        RAISE EXCEPTION 'period % belongs to another book', NEW.period_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transaction_same_book', TABLE = 'ledger_transaction';
    END IF;
    IF period.state = 'closed' OR (period.state = 'closing' AND NEW.kind <> 'adjustment') THEN
        RAISE EXCEPTION 'period % is %: post into the open one', NEW.period_id, period.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transaction_period_open', TABLE = 'ledger_transaction';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_transaction_period BEFORE INSERT ON ledger_transaction
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_period();
ALTER TABLE ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_period;

-- Customers form a tree inside one book: a parent of another book, or a circle, is refused.
CREATE FUNCTION ledger_guard_customer_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parent_id IS NULL THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ledger_customer_tree'), NEW.book_id::integer);
    IF (SELECT book_id FROM ledger_customer WHERE id = NEW.parent_id) IS DISTINCT FROM NEW.book_id THEN
        RAISE EXCEPTION 'the parent of customer % belongs to another book', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_customer_same_book', TABLE = 'ledger_customer';
    END IF;
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT id, parent_id FROM ledger_customer WHERE id = NEW.parent_id
            UNION SELECT c.id, c.parent_id FROM ledger_customer c JOIN above a ON c.id = a.parent_id)
        SELECT 1 FROM above WHERE id = NEW.id) THEN
        RAISE EXCEPTION 'customer % cannot be below itself', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_customer_is_tree', TABLE = 'ledger_customer';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_customer_tree BEFORE INSERT OR UPDATE OF parent_id, book_id ON ledger_customer
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_customer_tree();

-- History is append-only. TRUNCATE is left to table privileges, so that tests can flush.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a reversal instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION ledger_refuse_direct_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is a partition: write through its parent table', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE PROCEDURE ledger_make_append_only(name regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()', name);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('REVOKE ALL ON %s FROM meterbook_app', name);
    EXECUTE format('GRANT SELECT, INSERT ON %s TO meterbook_app', name);
END $$;

-- Range partitions by id, a month each. The default partition catches rows should the making of new ones
-- have stopped: nothing is refused, and `doctor` tells.
CREATE TABLE ledger_partitioned (name text PRIMARY KEY);

CREATE PROCEDURE ledger_guard_partition(name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_direct_write()', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('REVOKE ALL ON %I FROM meterbook_app, meterbook_report', name);
END $$;

CREATE PROCEDURE ledger_partition_by_id(name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_default', name);
    CALL ledger_guard_partition(name || '_default');
    INSERT INTO ledger_partitioned VALUES (name);
    PERFORM ledger_ensure_partitions(clock_timestamp(), clock_timestamp() + interval '3 months');
END $$;

CREATE FUNCTION ledger_ensure_partitions(first timestamptz, last timestamptz) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    month timestamptz;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_ensure_partitions'));
    FOR parent IN SELECT name FROM ledger_partitioned ORDER BY name LOOP
        FOR month IN SELECT generate_series(date_trunc('month', first), date_trunc('month', last), interval '1 month') LOOP
            child := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(child) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)', child, parent,
                ledger_first_id_at(month), ledger_first_id_at(month + interval '1 month'));
            CALL ledger_guard_partition(child);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CALL ledger_make_append_only('ledger_transaction');
CALL ledger_make_append_only('ledger_entry');
CALL ledger_make_append_only('ledger_delta');
CALL ledger_make_append_only('ledger_receipt');
CALL ledger_make_append_only('ledger_seal');
CALL ledger_make_append_only('ledger_account');
CALL ledger_partition_by_id('ledger_entry');
CALL ledger_partition_by_id('ledger_delta');

-- The application inserts entries; deltas, receipts and what balances say follow from them by the trigger.
REVOKE INSERT ON ledger_delta, ledger_receipt FROM meterbook_app;
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_balance FROM meterbook_app;
GRANT UPDATE (held, floor, version) ON ledger_balance TO meterbook_app;
REVOKE DELETE, TRUNCATE ON ledger_period, ledger_bucket, ledger_watermark FROM meterbook_app;
REVOKE ALL ON ledger_partitioned FROM meterbook_app;
GRANT SELECT ON ledger_partitioned TO meterbook_app;
