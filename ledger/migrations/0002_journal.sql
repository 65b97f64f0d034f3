-- The journal: transactions, entries, and what the database derives from them.
-- ledger/README.md explains the shape; this file is frozen with its migration.

-- A time-ordered id: milliseconds since 2025 (41 bits), a sequence (6 bits), and 16 bits left free
-- for the lines of whatever the id heads: entry ids are their transaction's id + 1, + 2, ...
CREATE SEQUENCE ledger_id_seq;
CREATE SEQUENCE ledger_house_account_seq MAXVALUE 1099511627775;
CREATE SEQUENCE ledger_customer_account_seq START 1099511627776 MINVALUE 1099511627776;

CREATE FUNCTION ledger_next_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1735689600000) << 22)
         | ((nextval('ledger_id_seq') & 63) << 16)
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
    CONSTRAINT ledger_transaction_id_heads_lines CHECK (id & 65535 = 0)
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
    CONSTRAINT ledger_entry_in_transaction CHECK (id > transaction_id AND id < transaction_id + 65536)
) PARTITION BY RANGE (id);
-- Only customers' accounts (ids from 2^40) are found by account: a house account sees every
-- entry of its kind, so it is read through its deltas instead.
CREATE INDEX ledger_entry_debit ON ledger_entry (debit_account_id, effective_at)
    WHERE debit_account_id >= 1099511627776;
CREATE INDEX ledger_entry_credit ON ledger_entry (credit_account_id, effective_at)
    WHERE credit_account_id >= 1099511627776;

CREATE TABLE ledger_delta (
    transaction_id bigint NOT NULL,
    account_id bigint NOT NULL,
    effective_date date NOT NULL,
    debits numeric(38, 12) NOT NULL,
    credits numeric(38, 12) NOT NULL,
    entries integer NOT NULL,
    PRIMARY KEY (account_id, transaction_id, effective_date)
) PARTITION BY RANGE (transaction_id);
CREATE INDEX ledger_delta_transaction ON ledger_delta (transaction_id);

-- One receipt closes each transaction: nothing can be added to it afterwards. It carries the digest
-- that the seals chain, and the writer's xid, by which sealer and folder know what is final.
CREATE TABLE ledger_receipt (
    transaction_id bigint PRIMARY KEY REFERENCES ledger_transaction,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    entries integer NOT NULL CHECK (entries > 0),
    digest bytea NOT NULL
);
CREATE INDEX ledger_receipt_final ON ledger_receipt (xid, transaction_id);

CREATE FUNCTION ledger_line(e ledger_entry) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat_ws('|', e.id, e.debit_account_id, e.credit_account_id, trim_scale(e.amount),
        (extract(epoch FROM e.effective_at) * 1000000)::bigint, coalesce(e.source_id::text, ''))
$$;

CREATE FUNCTION ledger_header(t ledger_transaction, entries bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat_ws('|', t.id, t.book_id, encode(convert_to(t.kind, 'UTF8'), 'hex'), encode(convert_to(t.key, 'UTF8'), 'hex'),
        encode(t.fingerprint, 'hex'), (extract(epoch FROM t.effective_at) * 1000000)::bigint, t.period_id,
        coalesce(t.reverses_id::text, ''), entries, encode(convert_to(t.cause, 'UTF8'), 'hex'), encode(convert_to(t.memo, 'UTF8'), 'hex'),
        encode(convert_to(t.metadata::text, 'UTF8'), 'hex'), coalesce(encode(t.evidence, 'hex'), ''))
$$;

-- Runs once per statement that inserts entries: checks them, moves the balances, writes the receipt.
CREATE FUNCTION ledger_project_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    SELECT p.debit_account_id, p.credit_account_id, d.asset_id AS debit_asset, c.asset_id AS credit_asset INTO wrong
    FROM (SELECT e.debit_account_id, e.credit_account_id, t.book_id, max(scale(trim_scale(e.amount))) AS places
          FROM added e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id
          GROUP BY 1, 2, 3) p
    LEFT JOIN ledger_account d ON d.id = p.debit_account_id AND d.book_id = p.book_id
    LEFT JOIN ledger_account c ON c.id = p.credit_account_id AND c.book_id = p.book_id
    WHERE d.asset_id IS DISTINCT FROM c.asset_id OR d.asset_id IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry between accounts % and %: both must exist in the transaction''s book and hold the same asset',
            wrong.debit_account_id, wrong.credit_account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_same_asset', TABLE = 'ledger_entry';
    END IF;

    INSERT INTO ledger_receipt (transaction_id, entries, digest)
    SELECT t.id, s.entries, sha256(convert_to(ledger_header(t, s.entries) || E'\n' || s.lines, 'UTF8'))
    FROM (SELECT e.transaction_id, count(*) AS entries, string_agg(
              concat_ws('|', e.id, e.debit_account_id, e.credit_account_id, trim_scale(e.amount),
                  (extract(epoch FROM e.effective_at) * 1000000)::bigint, coalesce(e.source_id::text, '')),
              E'\n' ORDER BY e.id) AS lines
          FROM added e GROUP BY e.transaction_id) s
    JOIN ledger_transaction t ON t.id = s.transaction_id
    ORDER BY t.id;

    -- Locked in account order, so that two writers never wait for each other in a circle.
    PERFORM 1 FROM ledger_balance
    WHERE is_guarded AND account_id IN (
        SELECT debit_account_id FROM added WHERE debit_account_id >= 1099511627776
        UNION SELECT credit_account_id FROM added WHERE credit_account_id >= 1099511627776)
    ORDER BY account_id FOR NO KEY UPDATE;

    WITH moved AS (
        INSERT INTO ledger_delta (transaction_id, account_id, effective_date, debits, credits, entries)
        SELECT transaction_id, account_id, effective_date, sum(debit), sum(credit), count(*)
        FROM (SELECT transaction_id, debit_account_id AS account_id, (effective_at AT TIME ZONE 'UTC')::date AS effective_date,
                     amount AS debit, 0 AS credit FROM added
              UNION ALL
              SELECT transaction_id, credit_account_id, (effective_at AT TIME ZONE 'UTC')::date, 0, amount FROM added) side
        GROUP BY account_id, transaction_id, effective_date
        RETURNING account_id, debits, credits
    )
    UPDATE ledger_balance b
    SET debits = b.debits + m.debits, credits = b.credits + m.credits, version = b.version + 1
    FROM (SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM moved GROUP BY account_id) m
    WHERE b.account_id = m.account_id AND b.is_guarded;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_project AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_project_entries();
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_project;
