-- Gives up the relay, so that another replica need not wait for its half second.
-- $1 holder: this replica
update core.cache_relay set until = '-infinity' where is_only and holder = $1::text;
