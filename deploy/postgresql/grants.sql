-- After every migration, as cadastre_owner: the service may read and write its tables, and only add to those of the ledger.
-- `manage.py check --deploy`, run as the service, says whether it holds.

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cadastre;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO cadastre;

REVOKE ALL ON
    registry_ledgerevent, registry_ledgerleaf, registry_ledgernode, registry_ledgercheckpoint, registry_ledgeranchor,
    registry_ledgerpending
    FROM PUBLIC, cadastre;
GRANT SELECT, INSERT ON
    registry_ledgerevent, registry_ledgerleaf, registry_ledgernode, registry_ledgercheckpoint, registry_ledgeranchor
    TO cadastre;
-- An event leaves this table once it has its place in the tree; a trigger refuses it earlier.
GRANT SELECT, INSERT, DELETE ON registry_ledgerpending TO cadastre;
