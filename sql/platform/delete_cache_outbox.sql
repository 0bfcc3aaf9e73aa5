-- Deletes outbox rows whose tags were bumped, but only those where each server that took a bump is the one recorded by
-- the relay: what a forgotten server was told stays, and the relay tells the right one.
-- A row that a crash brings back is delivered once more, so the commit takes no turn at the disk, where writes wait.
-- $1 ids: outbox row, repeated for each cell that its tags are in
-- $2 cells: number of the cell, from 0
-- $3 servers: id of the server that took the bump
with quick as materialized (select set_config('synchronous_commit', 'off', true))
delete from core.cache_outbox o
using (
  select done.id
  from unnest($1::text[]::bigint[], $2::int[], $3::text[]) as done (id, cell, server)
  cross join core.cache_relay r
  cross join quick
  group by done.id
  having bool_and(r.servers[done.cell + 1] = done.server and done.server <> '')
) delivered
where o.id = delivered.id;
