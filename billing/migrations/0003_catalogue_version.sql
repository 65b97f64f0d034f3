-- One number that moves, in the same transaction, whenever something that prices or attributes usage
-- changes: what was read at a version may be remembered until the number moves.
CREATE TABLE billing_catalogueversion (is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), version bigint NOT NULL);
INSERT INTO billing_catalogueversion (version) VALUES (1);

CREATE FUNCTION billing_bump_catalogue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE billing_catalogueversion SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_meter
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_ratecard
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_rate
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_billingprofile
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER UPDATE OR DELETE ON billing_subject
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER UPDATE OF parent_id ON ledger_customer
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
REVOKE ALL ON billing_catalogueversion FROM meterbook_app;
GRANT SELECT ON billing_catalogueversion TO meterbook_app;
