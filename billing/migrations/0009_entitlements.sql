-- What was allowed is never rewritten: the application may end it, count its use, or raise a budget.
REVOKE UPDATE, DELETE, TRUNCATE ON billing_budget, billing_budgetuse, billing_budgetapproval FROM meterbook_app;
GRANT UPDATE (name, amount, action, warn_at, ended_at) ON billing_budget TO meterbook_app;
GRANT UPDATE (used, held, extra, warned_at) ON billing_budgetuse TO meterbook_app;

-- Ingest remembers a book's budgets and shares until the catalogue's number moves.
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON billing_budget
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER INSERT OR UPDATE OR DELETE ON wallets_walletshare
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();

-- Decisions remember a customer's entitlements until the customer's number moves, ...
CREATE TRIGGER bump_inserted AFTER INSERT ON billing_entitlement REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();
CREATE TRIGGER bump_updated AFTER UPDATE ON billing_entitlement REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();
CREATE TRIGGER bump_deleted AFTER DELETE ON billing_entitlement REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_customers();
-- ... and which features only those may use who have a right to them until the catalogue's does.
CREATE FUNCTION billing_bump_for_rights() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed WHERE item_id IS NULL AND kind <> 'metered') THEN
        UPDATE billing_catalogueversion SET version = version + 1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bump_catalogue_inserted AFTER INSERT ON billing_entitlement REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_for_rights();
CREATE TRIGGER bump_catalogue AFTER UPDATE OF effective_from, effective_to ON billing_planversion
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();
CREATE TRIGGER bump_catalogue AFTER UPDATE OF effective_from, effective_to ON billing_addonversion
    FOR EACH STATEMENT EXECUTE FUNCTION billing_bump_catalogue();

-- An entitlement is ended, never rewritten; its wallet is opened once.
REVOKE UPDATE, TRUNCATE ON billing_entitlement FROM meterbook_app;
GRANT UPDATE (ends_at, wallet_id) ON billing_entitlement TO meterbook_app;

-- What is held of budgets is what holds that name their periods still set aside: it moves with the
-- holds' parts, whoever reserves, captures, releases or sweeps, and never beyond a budget that blocks.
CREATE FUNCTION billing_hold_of_budgets(uses bigint[], amounts numeric[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT u.id, u.budget_id, n.amount
        FROM (SELECT id, sum(amount) AS amount FROM unnest(uses, amounts) AS n (id, amount) GROUP BY id) n
        JOIN billing_budgetuse u ON u.id = n.id
        WHERE n.amount <> 0
        ORDER BY u.budget_id, u.starts_at
    LOOP
        UPDATE billing_budgetuse SET held = held + change.amount WHERE id = change.id;
        IF change.amount > 0 AND EXISTS (
            SELECT 1 FROM billing_budgetuse u JOIN billing_budget b ON b.id = u.budget_id
            WHERE u.id = change.id AND b.action <> 'warn' AND b.ended_at IS NULL
              AND u.used + u.held > b.amount + u.extra) THEN
            RAISE EXCEPTION 'budget % is reached', change.budget_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_budget_reached';
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION billing_hold_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM billing_hold_of_budgets(array_agg(u.id), array_agg(n.amount))
    FROM new_parts n JOIN wallets_hold h ON h.id = n.hold_id, unnest(h.budget_ids) AS u (id)
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION billing_hold_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM billing_hold_of_budgets(array_agg(u.id), array_agg(n.amount - o.amount))
    FROM new_parts n JOIN old_parts o ON o.id = n.id JOIN wallets_hold h ON h.id = n.hold_id,
         unnest(h.budget_ids) AS u (id)
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER hold_budgets_inserted AFTER INSERT ON wallets_holdpart REFERENCING NEW TABLE AS new_parts
    FOR EACH STATEMENT EXECUTE FUNCTION billing_hold_inserted();
CREATE TRIGGER hold_budgets_updated AFTER UPDATE ON wallets_holdpart
    REFERENCING NEW TABLE AS new_parts OLD TABLE AS old_parts
    FOR EACH STATEMENT EXECUTE FUNCTION billing_hold_updated();
