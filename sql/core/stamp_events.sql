-- Numbers what was published and is committed, so that it can be told. 0, too, while another replica is at it.
-- $1 limit_rows: how many at most
-- index: outbox_pending_ix
select core.stamp_events($1::int) as stamped;
