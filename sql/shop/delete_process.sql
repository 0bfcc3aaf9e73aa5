-- Removes a process that nothing refers to (a foreign key refuses it otherwise). No row: not there, or stale.
-- $1 act: who acts
-- $2 process_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: processes_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  delete from shop.processes x using act
  where x.business_id = act.business_id and x.id = $2::uuid and ($3::int is null or x.version = $3::int)
  returning x.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
