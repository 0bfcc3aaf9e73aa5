-- The migrations that this database has seen, in their order, with the checksum of the text that ran.
-- $1 with_rolled_back: whether those that were taken back are listed too
select name, sha256, rolled_back_at is not null as is_rolled_back
from public.schema_migrations
where rolled_back_at is null or $1::bool
order by name;
