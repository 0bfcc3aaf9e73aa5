-- Expires holds whose time has passed. One replica at a time: another one expires nothing.
-- $1 limit_rows: how many at most
-- $2 since (nullable): instant before which none has to expire, as the last call returned it
-- index: ltx_expiring_ix
select h.expired, h.since::text as since from ledger.expire_holds($1, coalesce($2::timestamptz, '-infinity')) h;
