-- What was signed stays as it was signed: a version that has been published can only be archived.
CREATE FUNCTION billing_guard_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.effective_from IS NULL THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - ARRAY['effective_to', 'updated_at']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['effective_to', 'updated_at']) THEN
        RAISE EXCEPTION 'version % of % % is published: make a new version', OLD.version, TG_TABLE_NAME, OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_version_frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON billing_planversion FOR EACH ROW EXECUTE FUNCTION billing_guard_version();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON billing_addonversion FOR EACH ROW EXECUTE FUNCTION billing_guard_version();
ALTER TABLE billing_planversion ENABLE ALWAYS TRIGGER frozen;
ALTER TABLE billing_addonversion ENABLE ALWAYS TRIGGER frozen;

CREATE FUNCTION billing_guard_phase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_planversion v WHERE v.effective_from IS NOT NULL
               AND (v.id = NEW.plan_version_id OR v.id = OLD.plan_version_id)) THEN
        RAISE EXCEPTION 'the plan is published: make a new version' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_version_frozen';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER frozen BEFORE INSERT OR UPDATE OR DELETE ON billing_planphase FOR EACH ROW EXECUTE FUNCTION billing_guard_phase();
ALTER TABLE billing_planphase ENABLE ALWAYS TRIGGER frozen;

CREATE FUNCTION billing_guard_rate_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_planversion v JOIN billing_planphase p ON p.plan_version_id = v.id
               WHERE v.effective_from IS NOT NULL AND (p.id = NEW.phase_id OR p.id = OLD.phase_id))
       OR EXISTS (SELECT 1 FROM billing_addonversion v
               WHERE v.effective_from IS NOT NULL AND (v.id = NEW.addon_version_id OR v.id = OLD.addon_version_id)) THEN
        RAISE EXCEPTION 'the plan or add-on is published: make a new version' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_version_frozen';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER frozen BEFORE INSERT OR UPDATE OR DELETE ON billing_planratecard FOR EACH ROW EXECUTE FUNCTION billing_guard_rate_card();
ALTER TABLE billing_planratecard ENABLE ALWAYS TRIGGER frozen;

-- No two items of one key overlap in one subscription. The names are compared by their hashes.
ALTER TABLE billing_subscriptionitem ADD CONSTRAINT billing_subscriptionitem_one_at_a_time
    EXCLUDE USING gist (int8range(subscription_id, subscription_id, '[]') WITH &&,
                        int8range(hashtextextended(key, 0), hashtextextended(key, 0), '[]') WITH &&,
                        tstzrange(starts_at, ends_at) WITH &&)
    DEFERRABLE INITIALLY DEFERRED;

-- A number per customer that moves whenever an item of its subscriptions does: what ingest read of a
-- customer's prices may be remembered until it moves, and one change costs nothing to all others.
CREATE TABLE billing_customerversion (customer_id bigint PRIMARY KEY, version bigint NOT NULL);
REVOKE ALL ON billing_customerversion FROM meterbook_app;
GRANT SELECT ON billing_customerversion TO meterbook_app;
CREATE FUNCTION billing_bump_customers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO billing_customerversion AS v (customer_id, version)
    SELECT DISTINCT customer_id, 1 FROM changed ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER bump_inserted AFTER INSERT ON billing_subscriptionitem REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();
CREATE TRIGGER bump_updated AFTER UPDATE ON billing_subscriptionitem REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();
CREATE TRIGGER bump_deleted AFTER DELETE ON billing_subscriptionitem REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();

-- Rates of subscriptions' items are read by customer: only those of price lists move the catalogue.
DROP TRIGGER bump_catalogue ON billing_rate;
CREATE FUNCTION billing_bump_for_rates() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed WHERE rate_card_id IS NOT NULL) THEN
        UPDATE billing_catalogueversion SET version = version + 1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bump_inserted AFTER INSERT ON billing_rate REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_for_rates();
CREATE TRIGGER bump_updated AFTER UPDATE ON billing_rate REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_for_rates();
CREATE TRIGGER bump_deleted AFTER DELETE ON billing_rate REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_for_rates();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_feature
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_costprice
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER UPDATE OF now_at ON ledger_testclock
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();

CALL ledger_make_append_only('billing_subscriptionevent');
CALL ledger_make_append_only('billing_chargechange');

-- The application may do what the operations do, not more.
REVOKE UPDATE, DELETE, TRUNCATE ON billing_feature, billing_plan, billing_addon, billing_coupon,
    billing_couponredemption, billing_costprice, billing_subscription, billing_subscriptionaddon,
    billing_charge, billing_contract FROM meterbook_app;
GRANT UPDATE (name, description, unit_cost, metadata, archived_at) ON billing_feature TO meterbook_app;
GRANT UPDATE (name, metadata, max_redemptions, expires_at, archived_at) ON billing_coupon TO meterbook_app;
GRANT UPDATE (removed_at) ON billing_couponredemption TO meterbook_app;
GRANT UPDATE (effective_to, removed_at) ON billing_costprice TO meterbook_app;
GRANT UPDATE (name, plan_version_id, settlement_mode, proration, ends_at, due_at, metadata) ON billing_subscription TO meterbook_app;
GRANT UPDATE (metadata) ON billing_subscriptionaddon TO meterbook_app;
GRANT UPDATE (posted, earned, taken, name, ends_at, updated_at) ON billing_charge TO meterbook_app;
GRANT UPDATE (name, due_at) ON billing_contract TO meterbook_app;
