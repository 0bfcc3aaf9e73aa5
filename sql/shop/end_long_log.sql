-- Ends a log that has been open for 24 hours: see shop.end_long_log. No row: there is none, or somebody is at those there are.
-- $1 limit_rows: how many that somebody is at are passed over
-- index: time_logs_long_ix
select ended.id::text as id from shop.end_long_log($1::int) ended (id) where ended.id is not null;
