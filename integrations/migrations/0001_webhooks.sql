-- What was sent and what came back stays as it was, until all of a delivery is deleted.
REVOKE UPDATE, DELETE, TRUNCATE ON integrations_webhookattempt, integrations_webhookendpoint FROM meterbook_app;
GRANT DELETE ON integrations_webhookattempt TO meterbook_app;
GRANT UPDATE (url, event_types, secret, previous_secret, previous_until, is_enabled, disabled_reason,
    failing_since, ended_at) ON integrations_webhookendpoint TO meterbook_app;
