-- What the cache needs of the database: the tags that a committed write has made wrong, until they are delivered, and
-- the one row by which a single replica at a time delivers what writers left behind.
-- Neither belongs to a business: one stream of all of them, read in its own order, and one row of the installation.

-- A table of its own: its rows live a tenth of a second and must not wait behind a webhook.
create table core.cache_outbox (
  -- random, made by the writer where it knows the row afterwards without being told
  id bigint constraint cache_outbox_pk primary key default floor(random() * 4611686018427387904)::bigint,
  tags text[] not null constraint cache_outbox_tags_some check (cardinality(tags) > 0),
  at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.0);

create table core.cache_relay (
  is_only boolean not null default true constraint cache_relay_pk primary key
    constraint cache_relay_single check (is_only),
  holder text not null default '',                       -- the replica that relays, until `until` by this clock
  tenure text not null default '',                       -- one unbroken time of a holder
  until timestamptz not null default '-infinity',
  servers text[] not null default '{}'                   -- id of the server of each cell; '' while it is being changed
) with (fillfactor = 10);
insert into core.cache_relay default values;

-- Called by the statement that changes data, in the same transaction: the tags reach every replica even if the writer
-- dies right after COMMIT. Null, and nothing written, when there are no tags.
create function core.invalidate(tags text[]) returns bigint language sql volatile as $$
  insert into core.cache_outbox (tags) select $1 where cardinality($1) > 0 returning id $$;
