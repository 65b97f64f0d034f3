-- Rates are known by their days: at most one per place and code holds on a day, and what held is never rewritten.
ALTER TABLE billing_taxrate ADD CONSTRAINT billing_taxrate_one_at_a_time
    EXCLUDE USING gist (int8range(book_id, book_id, '[]') WITH &&,
                        int8range(coalesce(tax_code_id, 0), coalesce(tax_code_id, 0), '[]') WITH &&,
                        int8range(hashtextextended(jurisdiction, 0), hashtextextended(jurisdiction, 0), '[]') WITH &&,
                        daterange(valid_from, valid_to) WITH &&);

CREATE FUNCTION billing_taxrate_same_book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.tax_code_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM billing_taxcode WHERE id = NEW.tax_code_id AND book_id = NEW.book_id) THEN
        RAISE EXCEPTION 'tax code % is of another book', NEW.tax_code_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_taxrate_same_book';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER taxrate_same_book BEFORE INSERT ON billing_taxrate
    FOR EACH ROW EXECUTE FUNCTION billing_taxrate_same_book();

REVOKE UPDATE, DELETE, TRUNCATE ON billing_taxrate, billing_taxid, billing_exemption FROM meterbook_app;
GRANT UPDATE (valid_to) ON billing_taxrate TO meterbook_app;
GRANT UPDATE (status, checked_at, ended_at) ON billing_taxid TO meterbook_app;
GRANT UPDATE (revoked_at) ON billing_exemption TO meterbook_app;

CALL ledger_make_append_only('billing_taxevidence');
CALL ledger_make_append_only('billing_document');
