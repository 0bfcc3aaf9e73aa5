-- One pass of the cache's relay: takes or renews the one row for half a second, records which servers hold the cells, and
-- returns what writers left behind. No row: another replica relays.
-- A server that was not recorded before is recorded as '' until the holder says that it began a new generation there:
-- what was delivered elsewhere and deleted here is unknown to it. Where none ever was it stays null until then: nobody
-- can be listening to another.
-- $1 holder: this replica
-- $2 tenure: name for a new time of holding, should one begin
-- $3 servers: id of the server of each cell; '' where it is not known leaves what is recorded
-- $4 renewed: for each cell the server on which this tenure began a new generation, '' for none
-- $5 row_limit: at most so many outbox rows
with held as (
  update core.cache_relay as r
  set holder = $1::text,
    tenure = case when r.holder = $1::text and r.until >= clock_timestamp() then r.tenure else $2::text end,
    until = clock_timestamp() + interval '500 milliseconds',
    servers = array(
      select case when now_there.id = '' then r.servers[now_there.cell]
        when (r.servers[now_there.cell] = now_there.id
          or (r.holder = $1::text and r.until >= clock_timestamp() and now_there.renewed = now_there.id))
        then now_there.id when r.servers[now_there.cell] is not null then '' end
      from unnest($3::text[], $4::text[]) with ordinality as now_there (id, renewed, cell)
      order by now_there.cell)
  where r.is_only and (r.holder = $1::text or r.until < clock_timestamp())
  returning r.tenure, r.servers
)
select held.tenure, to_json(held.servers)::text as servers, pg_current_wal_insert_lsn()::text as wal,
  (select coalesce(json_agg(json_build_array(pending.id::text, pending.tags) order by pending.id), '[]')
    from (select o.id, o.tags from core.cache_outbox o order by o.id limit $5::int) pending)::text as pending,
  (select coalesce(extract(epoch from clock_timestamp() - min(o.at)) * 1000, 0)::int
    from core.cache_outbox o) as oldest_ms
from held;
