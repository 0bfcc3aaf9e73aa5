-- Seals audit rows into the hash chain. One sealer at a time: another one seals nothing.
-- $1 limit_rows: how many at most
-- scan: what is not sealed yet lies by itself, and all of it is wanted
select core.seal_audit($1) as sealed;
