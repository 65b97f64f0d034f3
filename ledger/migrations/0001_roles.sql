-- Group roles that the logins of the application and of reporting belong to. Made here where the
-- owner may make roles; elsewhere a database administrator makes them first.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['meterbook_app', 'meterbook_report'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
EXCEPTION
    WHEN duplicate_object THEN NULL; -- another database of the cluster made them at this moment
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the roles meterbook_app and meterbook_report are missing and % may not create roles', current_user
            USING HINT = 'As an administrator: CREATE ROLE meterbook_app NOLOGIN; CREATE ROLE meterbook_report NOLOGIN;';
END $$;
GRANT USAGE ON SCHEMA public TO meterbook_app, meterbook_report;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO meterbook_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO meterbook_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO meterbook_report;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO meterbook_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO meterbook_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO meterbook_report;
