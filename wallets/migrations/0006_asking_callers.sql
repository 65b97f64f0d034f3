-- Keys ask and decide as people do: both are named as the API calls them.
UPDATE wallets_approval a SET asker = 'user:' || u.username FROM auth_user u WHERE u.id = a.asked_by_id;
UPDATE wallets_approval a SET decider = 'user:' || u.username FROM auth_user u WHERE u.id = a.decided_by_id;
GRANT UPDATE (decider) ON wallets_approval TO meterbook_app;
