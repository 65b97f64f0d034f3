-- What is held of a share is what parts of holds that name its period still set aside: it moves with them,
-- whoever reserves, extends, captures, releases or sweeps, and never beyond a share that is in force.
CREATE FUNCTION wallets_hold_of_shares(uses bigint[], amounts numeric[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT u.id, u.share_id, n.amount
        FROM (SELECT id, sum(amount) AS amount FROM unnest(uses, amounts) AS n (id, amount) GROUP BY id) n
        JOIN wallets_shareuse u ON u.id = n.id
        WHERE n.amount <> 0
        ORDER BY u.share_id, u.starts_at
    LOOP
        UPDATE wallets_shareuse SET held = held + change.amount WHERE id = change.id;
        IF change.amount > 0 AND EXISTS (
            SELECT 1 FROM wallets_shareuse u JOIN wallets_walletshare s ON s.id = u.share_id
            WHERE u.id = change.id AND s.ended_at IS NULL AND u.used + u.held > s.amount) THEN
            RAISE EXCEPTION 'share % is reached', change.share_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'wallets_share_reached';
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION wallets_hold_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM wallets_hold_of_shares(array_agg(share_use_id), array_agg(amount))
    FROM new_parts WHERE share_use_id IS NOT NULL HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION wallets_hold_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM wallets_hold_of_shares(array_agg(n.share_use_id), array_agg(n.amount - o.amount))
    FROM new_parts n JOIN old_parts o ON o.id = n.id WHERE n.share_use_id IS NOT NULL HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- By name before those of budgets: shares are locked first everywhere.
CREATE TRIGGER count_shares_inserted AFTER INSERT ON wallets_holdpart REFERENCING NEW TABLE AS new_parts
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_hold_inserted();
CREATE TRIGGER count_shares_updated AFTER UPDATE ON wallets_holdpart
    REFERENCING NEW TABLE AS new_parts OLD TABLE AS old_parts
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_hold_updated();
