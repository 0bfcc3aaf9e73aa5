-- Changes the members of a process that the patch names. No row: not there. Refusals: those of shop.update_process.
-- $1 act: who acts
-- $2 process_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: processes_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select c.* from act, shop.update_process(act.business_id, $2::uuid, $3::int, $4::text::jsonb) c
  where c.version is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body::text, null, version) as body
from changed;
