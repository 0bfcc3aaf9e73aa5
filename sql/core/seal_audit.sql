-- Seals audit rows into the hash chain. One sealer at a time: another one seals nothing.
-- $1 limit_rows: how many at most
-- index: audit_log_unsealed_ix
select core.seal_audit($1) as sealed;
