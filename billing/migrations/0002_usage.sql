-- Usage events: append-only, partitioned by id (a month each, as the journal is).
CREATE TABLE billing_usageevent (
    id bigint NOT NULL PRIMARY KEY,
    book_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    customer_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    data jsonb NOT NULL,
    accrual_ids bigint[] NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (id);
CREATE INDEX billing_usageevent_customer ON billing_usageevent (customer_id, occurred_at);

-- The writer's xid says when a batch is final: readers that fold take only what nobody can still precede.
ALTER TABLE billing_usagebatch ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX billing_usagebatch_final ON billing_usagebatch (xid, id);
ALTER TABLE billing_correction ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX billing_correction_final ON billing_correction (xid, id);
-- As for ledger_balance: a batch rewrites most rows of the running period.
ALTER TABLE billing_accrual SET (fillfactor = 25, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CALL ledger_make_append_only('billing_usageevent');
CALL ledger_make_append_only('billing_usagebatch');
CALL ledger_make_append_only('billing_eventkey');
CALL ledger_make_append_only('billing_correction');
CALL ledger_partition_by_id('billing_usageevent');
