-- What can be invoiced: a row for each priced accrual and each charge, made with it.
ALTER TABLE billing_billable SET (fillfactor = 50);
CREATE FUNCTION billing_make_billable_accruals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO billing_billable (book_id, customer_id, asset_id, accrual_id, due_at, billed, cut)
    SELECT m.book_id, n.customer_id, r.asset_id, n.id, n.period_ends_at, array_fill(0::numeric, ARRAY[10]), ''
    FROM made n JOIN billing_rate r ON r.id = n.rate_id JOIN billing_meter m ON m.id = n.meter_id;
    RETURN NULL;
END $$;
CREATE FUNCTION billing_make_billable_charges() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO billing_billable (book_id, customer_id, asset_id, charge_id, due_at, billed, cut)
    SELECT n.book_id, n.customer_id, n.asset_id, n.id, n.due_at, array_fill(0::numeric, ARRAY[10]), ''
    FROM made n;
    RETURN NULL;
END $$;
CREATE TRIGGER make_billable AFTER INSERT ON billing_accrual REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_make_billable_accruals();
CREATE TRIGGER make_billable AFTER INSERT ON billing_charge REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_make_billable_charges();
ALTER TABLE billing_accrual ENABLE ALWAYS TRIGGER make_billable;
ALTER TABLE billing_charge ENABLE ALWAYS TRIGGER make_billable;
INSERT INTO billing_billable (book_id, customer_id, asset_id, accrual_id, due_at, billed, cut)
SELECT m.book_id, a.customer_id, r.asset_id, a.id, a.period_ends_at, array_fill(0::numeric, ARRAY[10]), ''
FROM billing_accrual a JOIN billing_rate r ON r.id = a.rate_id JOIN billing_meter m ON m.id = a.meter_id;
INSERT INTO billing_billable (book_id, customer_id, asset_id, charge_id, due_at, billed, cut)
SELECT book_id, customer_id, asset_id, id, due_at, array_fill(0::numeric, ARRAY[10]), '' FROM billing_charge;

-- quantity, amount = promotional + paid + unbilled + overdraft; then as printed: amount = promotional + paid + due.
ALTER TABLE billing_billable ADD CONSTRAINT billing_billable_adds_up CHECK (
    array_length(billed, 1) = 10 AND billed[2] = billed[3] + billed[4] + billed[5] + billed[6]
    AND billed[7] = billed[8] + billed[9] + billed[10]);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON billing_billable FROM meterbook_app;
GRANT UPDATE (due_at, billed, cut, last_line_id, settled_at) ON billing_billable TO meterbook_app;

-- Which state may follow which: the same table as billing.invoicing.states, held to it by a test.
CREATE FUNCTION billing_may_become(was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT was = becomes OR becomes = ANY (CASE was
        WHEN 'draft' THEN ARRAY['approved', 'discarded', 'issued', 'paid']
        WHEN 'approved' THEN ARRAY['draft', 'discarded', 'issued', 'paid']
        WHEN 'issued' THEN ARRAY['partially_paid', 'paid', 'overdue', 'uncollectible', 'void']
        WHEN 'partially_paid' THEN ARRAY['issued', 'paid', 'overdue', 'uncollectible']
        WHEN 'overdue' THEN ARRAY['issued', 'partially_paid', 'paid', 'uncollectible', 'void']
        WHEN 'paid' THEN ARRAY['issued', 'partially_paid', 'overdue', 'uncollectible', 'void']
        WHEN 'uncollectible' THEN ARRAY['issued', 'partially_paid', 'overdue', 'paid']
        ELSE '{}'::text[] END)
$$;

-- What was approved is not changed, what was issued never again: only how far it is paid moves.
CREATE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moving text[] := ARRAY['state', 'paid', 'credited', 'written_off', 'refunded', 'open', 'sent_at', 'paid_at',
        'closed_at', 'closed_reason', 'reversal_id', 'version', 'failure', 'attempts', 'disposition'];
BEGIN
    IF NOT billing_may_become(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'a document that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_states';
    END IF;
    IF OLD.state = 'draft' OR NEW.state = 'draft' THEN
        RETURN NEW;
    END IF;
    IF OLD.state = 'approved' THEN
        moving := moving || ARRAY['series_id', 'sequence', 'number', 'content', 'transaction_id', 'issued_at',
            'issue_date', 'due_date', 'tax_date', 'issue_after'];
    END IF;
    IF (to_jsonb(NEW) - moving) IS DISTINCT FROM (to_jsonb(OLD) - moving) THEN
        RAISE EXCEPTION 'document % is %: correct it by a credit or debit note', OLD.number, OLD.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_invoice_frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON billing_invoice FOR EACH ROW EXECUTE FUNCTION billing_guard_invoice();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER guard;
REVOKE DELETE, TRUNCATE ON billing_invoice FROM meterbook_app;
-- It begins as a draft: what it becomes is checked on the way.
CREATE FUNCTION billing_refuse_begun() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a document begins as a draft, without number and with nothing settled'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_begins';
END $$;
CREATE TRIGGER begins BEFORE INSERT ON billing_invoice FOR EACH ROW
    WHEN (NEW.state <> 'draft' OR NEW.number <> '' OR NEW.sequence IS NOT NULL
          OR NEW.paid <> 0 OR NEW.credited <> 0 OR NEW.written_off <> 0 OR NEW.refunded <> 0)
    EXECUTE FUNCTION billing_refuse_begun();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER begins;

-- Lines and taxes belong to drafts; from then on they stand.
CREATE FUNCTION billing_guard_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fixed bigint;
BEGIN
    SELECT i.id INTO fixed FROM changed c JOIN billing_invoice i ON i.id = c.invoice_id WHERE i.state <> 'draft' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'document % is no draft: its lines and taxes stand', fixed
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_invoice_lines_frozen';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_inserted AFTER INSERT ON billing_invoiceline REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE TRIGGER guard_updated AFTER UPDATE ON billing_invoiceline REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE TRIGGER guard_deleted AFTER DELETE ON billing_invoiceline REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE TRIGGER guard_inserted AFTER INSERT ON billing_invoicetax REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE TRIGGER guard_updated AFTER UPDATE ON billing_invoicetax REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE TRIGGER guard_deleted AFTER DELETE ON billing_invoicetax REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
CREATE FUNCTION billing_refuse_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line or tax of document % stays with it', OLD.invoice_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_invoice_lines_stay';
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON billing_invoiceline FOR EACH ROW
    WHEN (NEW.invoice_id <> OLD.invoice_id) EXECUTE FUNCTION billing_refuse_moved();
CREATE TRIGGER stays BEFORE UPDATE ON billing_invoicetax FOR EACH ROW
    WHEN (NEW.invoice_id <> OLD.invoice_id) EXECUTE FUNCTION billing_refuse_moved();
REVOKE TRUNCATE ON billing_invoiceline, billing_invoicetax FROM meterbook_app;

-- Lines + tax = total = what is posted: an invoice whose figures differ cannot be issued. Numbers follow
-- each other without gap in each series.
CREATE FUNCTION billing_check_issued() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT n.number INTO wrong
    FROM changed n JOIN was o ON o.id = n.id AND o.number = '' AND n.number <> ''
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS amount, coalesce(sum(taxable), 0) AS taxable,
               coalesce(sum(tax), 0) AS tax
        FROM billing_invoiceline WHERE invoice_id = n.id) l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(tax), 0) AS tax FROM billing_invoicetax WHERE invoice_id = n.id) t
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN a.id = e.debit_account_id THEN e.amount ELSE -e.amount END), 0) AS amount
        FROM ledger_account a JOIN ledger_entry e ON a.id IN (e.debit_account_id, e.credit_account_id)
        WHERE a.book_id = n.book_id AND a.customer_id = n.payer_id AND a.purpose = 'receivable'
          AND a.asset_id = n.asset_id AND a.discriminator = ''
          AND e.id > n.transaction_id AND e.id < n.transaction_id + 16384) p
    WHERE l.amount <> n.subtotal OR l.taxable <> n.taxable OR l.tax <> n.tax OR t.tax <> n.tax
       OR p.amount <> CASE n.kind WHEN 'credit_note' THEN -n.due ELSE n.due END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'document %: its lines, its taxes and what is posted differ', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_adds_up';
    END IF;
    SELECT s.key INTO wrong
    FROM (SELECT n.series_id, count(*) AS documents, min(n.sequence) AS first, max(n.sequence) AS last
          FROM changed n JOIN was o ON o.id = n.id AND o.number = '' AND n.number <> '' GROUP BY 1) i
    LEFT JOIN billing_series s ON s.id = i.series_id
    WHERE s.id IS NULL OR i.last - i.first + 1 <> i.documents OR s.next <> i.last + 1
       OR (i.first > 1 AND NOT EXISTS (
           SELECT 1 FROM billing_invoice b WHERE b.series_id = i.series_id AND b.sequence = i.first - 1))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'numbers of series % would have a gap', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_no_gap';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_issued AFTER UPDATE ON billing_invoice REFERENCING OLD TABLE AS was NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_check_issued();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER check_issued;

-- Numbers are taken by the last statement of the transaction that issues: what is rolled back was not taken.
-- A year's first number opens its series, with the pattern of the year before.
CREATE FUNCTION billing_take_numbers(book bigint, name text, in_year integer, new_pattern text, how_many integer,
    OUT taken_series bigint, OUT taken_pattern text, OUT first integer) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO billing_series AS s (book_id, key, year, pattern, next)
    VALUES (book, name, in_year, coalesce((SELECT p.pattern FROM billing_series p
            WHERE p.book_id = book AND p.key = name ORDER BY p.year DESC LIMIT 1), new_pattern), how_many + 1)
    ON CONFLICT (book_id, key, year) DO UPDATE SET next = s.next + how_many
    RETURNING s.id, s.pattern, s.next - how_many INTO taken_series, taken_pattern, first;
END $$;
-- Whoever takes numbers uses them: by the end of the transaction the last one is a document's.
CREATE FUNCTION billing_check_numbers_used() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    following integer := (SELECT next FROM billing_series WHERE id = NEW.id);
BEGIN
    IF following - 1 <> coalesce((SELECT max(sequence) FROM billing_invoice WHERE series_id = NEW.id), 0) THEN
        RAISE EXCEPTION 'numbers of series % were taken and not used', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_series_used';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER numbers_used AFTER INSERT OR UPDATE OF next ON billing_series
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_numbers_used();
ALTER TABLE billing_series ENABLE ALWAYS TRIGGER numbers_used;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON billing_series FROM meterbook_app;
GRANT INSERT (book_id, key, year, pattern), UPDATE (pattern) ON billing_series TO meterbook_app;
ALTER TABLE billing_series ALTER COLUMN next SET DEFAULT 1;

REVOKE UPDATE, DELETE, TRUNCATE ON billing_collectionprofile FROM meterbook_app;
GRANT UPDATE (effective_to) ON billing_collectionprofile TO meterbook_app;
REVOKE DELETE, TRUNCATE ON billing_party, billing_supplier, billing_run, billing_runpart FROM meterbook_app;
CALL ledger_make_append_only('billing_invoiceedit');
CALL ledger_make_append_only('billing_invoiceevent');
