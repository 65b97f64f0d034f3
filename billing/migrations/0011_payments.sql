-- What settles documents and where money goes is one log; its sums move with it, and cannot go beyond what there is.
CREATE FUNCTION billing_settle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT m.id INTO wrong
    FROM made m
    LEFT JOIN billing_unapplied u ON u.id = m.source_id
    LEFT JOIN billing_invoice n ON n.id = m.note_id
    LEFT JOIN billing_invoice i ON i.id = m.invoice_id
    LEFT JOIN billing_allocation r ON r.id = m.reverses_id
    WHERE (i.id IS NOT NULL AND (i.number = '' OR i.kind = 'credit_note' OR i.state = 'void'))
       OR (n.id IS NOT NULL AND (n.number = '' OR n.kind <> 'credit_note' OR n.state = 'void'))
       OR m.book_id <> coalesce(u.book_id, i.book_id, n.book_id)
       OR (u.id IS NOT NULL AND i.id IS NOT NULL
           AND (u.book_id, u.payer_id, u.asset_id) <> (i.book_id, i.payer_id, i.asset_id))
       OR (n.id IS NOT NULL AND i.id IS NOT NULL
           AND (n.book_id, n.payer_id, n.asset_id) <> (i.book_id, i.payer_id, i.asset_id))
       OR (m.kind = 'balance' AND (u.note_id IS DISTINCT FROM n.id OR u.amount <> m.amount
           OR (u.book_id, u.payer_id, u.asset_id) <> (n.book_id, n.payer_id, n.asset_id)))
       OR (m.kind = 'shortfall' AND (m.reverses_id IS NOT NULL OR u.payment_id IS NULL
           OR i.kind <> 'debit_note' OR i.due <> m.amount))
       OR (m.kind IN ('returned', 'shortfall') AND u.amount < (
           SELECT sum(t.amount) FROM billing_allocation t
           WHERE t.source_id = m.source_id AND t.kind IN ('returned', 'shortfall')))
       OR (m.reverses_id IS NOT NULL AND (r.reverses_id IS NOT NULL
           OR (r.kind, r.source_id, r.note_id, r.invoice_id, r.refund_id, -r.amount, -r.tax) IS DISTINCT FROM
              (m.kind, m.source_id, m.note_id, m.invoice_id, m.refund_id, m.amount, m.tax)))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'allocation % joins what does not belong together', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_belongs';
    END IF;
    UPDATE billing_unapplied u SET applied = u.applied + m.applied, returned = u.returned + m.returned
    FROM (SELECT source_id,
                 coalesce(sum(amount) FILTER (WHERE kind = 'payment'), 0) AS applied,
                 coalesce(sum(amount) FILTER (WHERE kind <> 'payment'), 0) AS returned
          FROM made WHERE source_id IS NOT NULL AND kind NOT IN ('balance', 'shortfall') GROUP BY 1) m
    WHERE u.id = m.source_id;
    UPDATE billing_invoice i
    SET paid = i.paid + m.paid, credited = i.credited + m.credited, written_off = i.written_off + m.written_off,
        refunded = i.refunded + m.refunded,
        open = i.open - m.paid - m.credited - m.written_off - m.refunded, version = i.version + 1
    FROM (SELECT document,
                 coalesce(sum(amount) FILTER (WHERE kind IN ('payment', 'tolerance')), 0) AS paid,
                 coalesce(sum(amount) FILTER (WHERE kind = 'credit_note'), 0) AS credited,
                 coalesce(sum(amount) FILTER (WHERE kind = 'write_off'), 0) AS written_off,
                 coalesce(sum(amount) FILTER (WHERE kind = 'balance'), 0) AS refunded
          FROM (SELECT invoice_id AS document, kind, amount FROM made
                UNION ALL SELECT note_id, kind, amount FROM made) x
          WHERE document IS NOT NULL GROUP BY 1) m
    WHERE i.id = m.document;
    RETURN NULL;
END $$;
CREATE TRIGGER settle AFTER INSERT ON billing_allocation REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_settle();
ALTER TABLE billing_allocation ENABLE ALWAYS TRIGGER settle;

-- How far a document is settled is moved by allocations alone, until it is void.
CREATE FUNCTION billing_guard_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    IF (NEW.paid, NEW.credited, NEW.written_off, NEW.refunded) IS DISTINCT FROM
       (OLD.paid, OLD.credited, OLD.written_off, OLD.refunded)
       OR (OLD.number <> '' AND NEW.open <> OLD.open AND NEW.state <> 'void') THEN
        RAISE EXCEPTION 'document % is settled by allocations', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_invoice_settled_by_allocations';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_settled BEFORE UPDATE ON billing_invoice FOR EACH ROW EXECUTE FUNCTION billing_guard_settled();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER guard_settled;

-- What is given back is no more than its line was taxed on, nor than its document came to. Whoever corrects
-- the same document waits.
CREATE FUNCTION billing_check_credited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    issued bigint[] := ARRAY(
        SELECT n.id FROM changed n JOIN was o ON o.id = n.id AND o.number = '' AND n.number <> '');
    lines bigint[];
    documents bigint[];
    wrong text;
BEGIN
    IF cardinality(issued) = 0 THEN
        RETURN NULL;
    END IF;
    lines := ARRAY(SELECT DISTINCT corrects_line_id FROM billing_invoiceline
                   WHERE invoice_id = ANY (issued) AND corrects_line_id IS NOT NULL);
    documents := ARRAY(
        SELECT n.corrects_id FROM changed n
        WHERE n.id = ANY (issued) AND n.kind = 'credit_note' AND n.corrects_id IS NOT NULL
        UNION SELECT invoice_id FROM billing_invoiceline WHERE id = ANY (lines));
    IF cardinality(documents) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM billing_invoice WHERE id = ANY (documents) ORDER BY id FOR NO KEY UPDATE;
    SELECT c.number INTO wrong
    FROM billing_invoice c
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(total), 0) AS total, coalesce(sum(tax), 0) AS tax FROM billing_invoice n
        WHERE n.corrects_id = c.id AND n.kind = 'credit_note' AND n.number <> '' AND n.state <> 'void') g
    WHERE c.id = ANY (documents) AND (g.total > c.total OR g.tax > c.tax)
    LIMIT 1;
    IF NOT FOUND THEN
        SELECT c.number INTO wrong
        FROM billing_invoiceline l JOIN billing_invoice c ON c.id = l.invoice_id
        WHERE l.id = ANY (lines) AND (
            (SELECT sum(CASE n.kind WHEN 'credit_note' THEN g.taxable ELSE -g.taxable END)
             FROM billing_invoiceline g JOIN billing_invoice n ON n.id = g.invoice_id
             WHERE g.corrects_line_id = l.id AND n.number <> '' AND n.state <> 'void') > l.taxable
            OR EXISTS (
                SELECT 1 FROM billing_invoiceline g JOIN changed n ON n.id = g.invoice_id
                WHERE g.corrects_line_id = l.id AND n.id = ANY (issued)
                  AND (n.payer_id <> c.payer_id OR n.corrects_id <> c.id)))
        LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'more would be given back than document % came to', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_credited';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_credited AFTER UPDATE ON billing_invoice REFERENCING OLD TABLE AS was NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_check_credited();
ALTER TABLE billing_invoice ENABLE ALWAYS TRIGGER check_credited;

-- Money starts untouched, and as much as came.
CREATE FUNCTION billing_start_unapplied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.applied <> 0 OR NEW.returned <> 0 OR (NEW.payment_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM billing_payment p WHERE p.id = NEW.payment_id
        AND (p.book_id, p.payer_id, p.asset_id, p.amount) = (NEW.book_id, NEW.payer_id, NEW.asset_id, NEW.amount))) THEN
        RAISE EXCEPTION 'unapplied cash % is not that of its payment', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_unapplied_starts';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER start BEFORE INSERT ON billing_unapplied FOR EACH ROW EXECUTE FUNCTION billing_start_unapplied();
ALTER TABLE billing_unapplied ENABLE ALWAYS TRIGGER start;

-- What is decided stays decided.
CREATE FUNCTION billing_guard_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND OLD.state || ' ' || NEW.state NOT IN (
        'requested sent', 'requested settled', 'requested failed', 'sent settled', 'sent failed',
        'open won', 'open lost', 'open withdrawn') THEN
        RAISE EXCEPTION 'what is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_steps';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON billing_refund FOR EACH ROW EXECUTE FUNCTION billing_guard_steps();
CREATE TRIGGER guard BEFORE UPDATE ON billing_dispute FOR EACH ROW EXECUTE FUNCTION billing_guard_steps();
ALTER TABLE billing_refund ENABLE ALWAYS TRIGGER guard;
ALTER TABLE billing_dispute ENABLE ALWAYS TRIGGER guard;

CALL ledger_make_append_only('billing_payment');
CALL ledger_make_append_only('billing_allocation');
CALL ledger_make_append_only('billing_dunningact');
REVOKE UPDATE, DELETE, TRUNCATE ON billing_unapplied, billing_refund, billing_dispute, billing_claim,
    billing_dunningschedule FROM meterbook_app;
REVOKE DELETE, TRUNCATE ON billing_dunning FROM meterbook_app;
GRANT UPDATE (waits) ON billing_unapplied TO meterbook_app;
GRANT UPDATE (state, rail, external_id, failure, sent_at, closed_at) ON billing_refund TO meterbook_app;
GRANT UPDATE (state, decided_at, decision, answer_by) ON billing_dispute TO meterbook_app;
GRANT UPDATE (lease_until, released_at, outcome) ON billing_claim TO meterbook_app;
GRANT UPDATE (effective_to) ON billing_dunningschedule TO meterbook_app;
